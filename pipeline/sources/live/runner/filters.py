"""Which posts are taken, by language and by words; for sources that cannot filter by these themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from pipeline.messages import Post
from pipeline.settings import Settings
from pipeline.sources.live.source import Filter

# A code that says nothing (ISO 639-2: undetermined, no linguistic content, several).
_NO_LANGUAGE = frozenset({"", "und", "zxx", "mul"})


class PostFilter:
    """Says by which filter a post is left out.

    Args:
        done: the filters that the source itself applies.
    """

    def __init__(self, settings: Settings, *, done: Collection[Filter] = ()) -> None:
        codes = settings.source_languages.split(",")
        self._languages = frozenset() if codes == ["all"] or Filter.LANGUAGES in done else frozenset(codes)
        has_words = settings.source_words and Filter.WORDS not in done
        self._has_word = _finder(settings.source_words or "") if has_words else None

    def why_not(self, post: Post) -> Filter | None:
        """Return the filter that leaves the post out; None if it is taken."""
        if self._languages and not self._may_be_in_language(post.lang):
            return Filter.LANGUAGES
        if self._has_word is not None and not self._has_word(post.text):
            return Filter.WORDS
        return None

    def _may_be_in_language(self, lang: str | None) -> bool:
        # A post may name several; "en-GB" and "en_GB" are English. What names none gets the benefit of the doubt.
        codes = {re.split("[-_]", code.strip())[0].lower() for code in (lang or "").split(",")}
        known = codes - _NO_LANGUAGE
        return not known or bool(known & self._languages)


def _finder(words: str) -> Callable[[str], object]:
    """Return what finds one of these words in a text, in any case; `flood*` stands for all words that begin so."""
    patterns = [_pattern(word) for word in words.split(",")]
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})", re.IGNORECASE).search


def _pattern(word: str) -> str:
    body = r"\s+".join(re.escape(part) for part in word.removesuffix("*").split())
    return body if word.endswith("*") else rf"{body}(?!\w)"
