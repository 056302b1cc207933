"""What both of X's formats need: the address of a post, and the whole text of one that X has cut."""

from __future__ import annotations

import re
from typing import Any

from pipeline.formats.networks.shape import as_name, as_text

_USER_NAME = re.compile(r"\w{1,50}", re.ASCII)
_REPEATED = re.compile(r"RT @(\w{1,50}): ")


def post_url(author: str | None, name: Any) -> str | None:
    """Return the address of a post; X finds it without its author's user name too."""
    name = as_name(name)
    if name is None:
        return None
    user = author if author is not None and _USER_NAME.fullmatch(author) else "i/web"
    return f"https://x.com/{user}/status/{name}"


def repeated_text(text: str, author: str | None, whole: Any) -> str:
    """Return the text of a retweet with the whole text of the post that it repeats, in X's own form.

    Args:
        text: `RT @desk: Explosion at the pl…`, of at most 140 characters.
        author: user name of the post that is repeated; None: as in `text`.
        whole: the text of that post, if it is known.
    """
    beginning = _REPEATED.match(text)
    if author is None and beginning is not None:
        author = beginning.group(1)
    # The other post may be cut as well, and shorter than what is left of it here.
    num_left = len(text) - beginning.end() if beginning is not None else 0
    if as_text(whole) is None or author is None or len(whole) < num_left:
        return text
    return f"RT @{author}: {whole}"
