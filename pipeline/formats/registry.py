"""All formats. To add one, write its file here, and add it to `FORMATS` and to the table in docs/sources.md."""

from __future__ import annotations

from pipeline.formats.format import Format
from pipeline.formats.networks.bluesky.app_view import BLUESKY
from pipeline.formats.networks.bluesky.jetstream import JETSTREAM
from pipeline.formats.networks.feeds import ATOM, RSS
from pipeline.formats.networks.mastodon import MASTODON
from pipeline.formats.networks.reddit import REDDIT
from pipeline.formats.networks.telegram.document import TELEGRAM
from pipeline.formats.networks.x.v1 import X_V1
from pipeline.formats.networks.x.v2 import X_V2
from pipeline.formats.tocsin import TOCSIN

# Our own form comes last: some others also have `id` and `text`, and more that tells what they are.
FORMATS: tuple[Format, ...] = (X_V2, X_V1, JETSTREAM, BLUESKY, MASTODON, REDDIT, TELEGRAM, RSS, ATOM, TOCSIN)
