"""Which language a post is of, and which posts the network reads: those of the languages that the settings name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from models import Annotation, AnnotationError, Annotator
from pipeline.annotate.language_detector import LanguageDetector, language_code, words_of_text
from pipeline.annotate.network import annotate_safely
from pipeline.messages import Post

# A post is of another language if the detector is this sure. On English posts it is mistaken once in about a thousand
# (docs/languages.md): an English post that is taken for another one is a lost alert, so a post in doubt is annotated.
_MIN_BYTES = 24  # of words in UTF-8: 24 Latin letters, eight Japanese characters
_MIN_PROBABILITY = 0.7
_MAX_WANTED = 0.05  # probability of all wanted languages together
# A post's own `lang` is often only the default of its author or program. It is overruled by a detector that is surer
# yet, on more words; and one that would cost the post its alert by a detector that finds a wanted language likely.
_MIN_BYTES_AGAINST_LANG = 48
_MIN_PROBABILITY_AGAINST_LANG = 0.9
_LIKELY = 0.5

_NOTHING = Annotation(tokens=(), entities=(), sentiment=None)


class Languages:
    """The languages of posts that get alerts.

    Args:
        wanted: ISO 639-1 codes; None: all languages, and no post's language is detected.
    """

    def __init__(self, wanted: frozenset[str] | None) -> None:
        self._wanted = wanted
        self._detector = LanguageDetector()

    def language_of(self, post: Post) -> str | None:
        """Return the ISO 639-1 code of the post's language, or None if it is in doubt."""
        given = language_code(post.lang)
        if self._wanted is None:
            return given
        words = words_of_text(post.text)
        size = len(words.encode())
        if size < _MIN_BYTES:
            return given
        probabilities = self._detector.guess(words)
        best, probability = next(iter(probabilities.items()))
        if given is None:
            is_sure = probability >= _MIN_PROBABILITY
        elif given in self._wanted:
            is_sure = probability >= _MIN_PROBABILITY_AGAINST_LANG and size >= _MIN_BYTES_AGAINST_LANG
        else:
            is_sure = best in self._wanted and probability >= _LIKELY
        wanted = sum(probabilities.get(code, 0.0) for code in self._wanted)
        if best not in self._wanted and wanted > _MAX_WANTED:
            is_sure = False
        return language_code(best) if is_sure else given

    def is_wanted(self, language: str | None) -> bool:
        """Return whether posts of this language get alerts; a post whose language is in doubt does."""
        return self._wanted is None or language is None or language in self._wanted


class Found(NamedTuple):
    """What the network found in a post, and the code of the post's language; None if that is in doubt."""

    annotation: Annotation | AnnotationError
    language: str | None


def annotate_wanted(
    annotator: Annotator, posts: Sequence[Post], languages: Languages, timings: dict[str, float]
) -> list[Found]:
    """Annotate the posts of wanted languages; nothing is found in the others, and the network does not see them.

    Raises:
        Exception: the network annotates no text at all, so that no post is to blame.
    """
    began = time.perf_counter()
    codes = [languages.language_of(post) for post in posts]
    timings["language"] = time.perf_counter() - began
    texts = [post.text for post, code in zip(posts, codes, strict=True) if languages.is_wanted(code)]
    found = iter(annotate_safely(annotator, texts, timings) if texts else ())
    return [Found(next(found) if languages.is_wanted(code) else _NOTHING, code) for code in codes]
