"""All formats. To add one, write its file here, and add it to `FORMATS` and to the table in docs/sources.md."""

from __future__ import annotations

from pipeline.formats.format import Format
from pipeline.formats.networks.mastodon import MASTODON
from pipeline.formats.networks.x_v1 import X_V1
from pipeline.formats.networks.x_v2 import X_V2
from pipeline.formats.tocsin import TOCSIN

# Our own form comes last: some others also have `id` and `text`, and more that tells what they are.
FORMATS: tuple[Format, ...] = (X_V2, X_V1, MASTODON, TOCSIN)
