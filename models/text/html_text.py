"""The text of a post that comes as HTML, as Mastodon's statuses and the entries of feeds do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element


def words(text: str) -> frozenset[str]:
    """Return the set of the words."""
    return frozenset(text.split())


BLOCKS = words(
    "address article aside blockquote body br center dd details dialog div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hr html li main nav ol option p pre section summary table tr ul"
)
CELLS = words("td th")
HIDDEN = words(
    "audio canvas head iframe math noembed noframes noscript object script select style svg template textarea title "
    "video"
)
"""Elements whose content is nothing that the post says."""
INVISIBLE_CLASS = "invisible"
"""Mastodon marks so the ends of a link's address that it hides."""
SHORTENED_CLASSES = frozenset({INVISIBLE_CLASS, "ellipsis"})

_BLANKS = re.compile(r"[ \t\n\r\f]+")
_AROUND_BREAK = re.compile(r" ?\n[ \n]*")


def plain_text(html: str) -> str:
    """Return what a reader of this HTML sees, without any markup: the end of a block is a line break.

    A link that Mastodon shows in a shortened form (`example.org/a-long…`) becomes its whole address. Hidden elements,
    comments and pictures say nothing. No text is refused: what is no HTML is text to a browser, and so it is here. Only
    what lies in 2,000 open elements and more is lost.
    """
    # Imported here, because only formats that hold HTML need it.
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    # A lone surrogate has no UTF-8.
    tree = etree.HTML(html.encode("utf-8", "replace"), parser)
    if tree is None:
        return ""
    steps = etree.iterwalk(tree, events=("start", "end"))
    pieces: list[str] = []
    for event, element in steps:
        if event == "end":
            pieces += _BREAK_AFTER.get(element.tag, ""), _one_line(element.tail)
            continue
        pieces.append(_BREAK_BEFORE.get(element.tag, ""))
        address = _whole_address(element)
        if address is None and not _is_hidden(element):
            pieces.append(_one_line(element.text))
        else:
            pieces.append(address or "")
            steps.skip_subtree()
    return _AROUND_BREAK.sub("\n", re.sub(" +", " ", "".join(pieces))).strip()


_BREAK_AFTER = dict.fromkeys(BLOCKS, "\n") | dict.fromkeys(CELLS, " ")
_BREAK_BEFORE = dict.fromkeys(BLOCKS - {"br"}, "\n")


def _one_line(text: str | None) -> str:
    return _BLANKS.sub(" ", text or "")


def _is_hidden(element: _Element) -> bool:
    return element.tag in HIDDEN or INVISIBLE_CLASS in _classes(element)


def _whole_address(element: _Element) -> str | None:
    """Return the address of a link that is shown in a shortened form; None for anything else."""
    if element.tag != "a" or not any(SHORTENED_CLASSES & _classes(child) for child in element):
        return None
    address = (element.get("href") or "").strip()
    return address if address.startswith(("https://", "http://")) else None


def _classes(element: _Element) -> set[str]:
    return set((element.get("class") or "").split())
