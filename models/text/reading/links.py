"""Links that run into the word before them (`Osakahttps://example.org`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.text.reading.source_map import Edit

# A link may hold another one; only Twitter's short links end after letters and digits.
_LINK = re.compile(r"(?<!\w)(?:https?://(?!t\.co/)|www\.)\S*+|(?<=\w)(?P<glued>h)ttps?://", re.IGNORECASE)


def find(text: str) -> Iterator[Edit]:
    """Yield the first letter of each link that touches a word before it, as itself after a blank."""
    for match in _LINK.finditer(text):
        if match["glued"]:
            yield Edit(*match.span("glued"), f" {match['glued']}")
