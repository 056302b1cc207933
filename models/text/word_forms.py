"""The forms in which a word is looked up, and its case class.

Pretrained vectors are for clean words in lower case, but posts are not clean. So a word is looked up in its own
spelling first, and then in plainer ones, until the vocabulary knows one. The case class keeps what lower case loses.
"""

import html
import re
from collections.abc import Iterator

CASE_CLASSES = ("padding", "lower", "capitalised", "upper", "mixed", "digits", "with digit", "other")

LINK_FORM = "<link>"

_LINK = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_ELONGATION = re.compile(r"(.)\1{2,}", re.DOTALL)
_CURLY = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "--", "…": "..."})


def word_forms(word: str) -> Iterator[str]:
    """Yield the forms to look up, best first; the same form may come twice.

    They are: the word itself; lower case; plain quotes and dashes, HTML references decoded (`&amp;` is `&`); digits
    as 0 (`1996` is `0000`); a letter that stands three times or more, cut to two and to one (`sooo` is `soo`, then
    `so`). A link has only one other form, `LINK_FORM`.
    """
    yield word
    if is_link(word):
        yield LINK_FORM
        return
    plain = word.lower()
    yield plain
    if not plain.isalnum():
        plain = html.unescape(plain).translate(_CURLY)
        yield plain
    zeroed = _DIGIT.sub("0", plain)
    yield zeroed
    if _ELONGATION.search(zeroed):
        yield _ELONGATION.sub(r"\1\1", zeroed)
        yield _ELONGATION.sub(r"\1", zeroed)


def training_form(word: str) -> str:
    """Return the form in which a training word without a pretrained vector enters the vocabulary."""
    if is_link(word):
        return LINK_FORM
    return _DIGIT.sub("0", html.unescape(word.lower()).translate(_CURLY))


def is_link(word: str) -> bool:
    """Return whether the word is a link with a scheme or `www.` before it."""
    return _LINK.match(word) is not None


def case_class(word: str) -> int:
    """Return the index in `CASE_CLASSES` of the word's class."""
    if word.isalpha():
        if word.islower():
            return 1
        if word.isupper():
            return 3 if len(word) > 1 else 2
        return 2 if word[0].isupper() and word[1:].islower() else 4
    if word.isdigit():
        return 5
    if any(map(str.isdigit, word)):
        return 5 if not any(map(str.isalpha, word)) else 6
    if any(map(str.isalpha, word)):
        return case_class("".join(filter(str.isalpha, word)))
    return 7
