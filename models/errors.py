"""Everything that `models` raises or returns as a failure.

ModelsError
├── ConfigError                a model configuration that cannot be built; lists every mistake
├── CheckpointError            a folder that cannot be trusted or does not fit this code
├── ParserUnavailableError     the variant needs syntax and no spaCy model is installed
├── EmptySentenceError         a sentence without a token was given to the featurizer
├── MissingParseError          the variant needs syntax and a sentence carries no parse
├── UnknownSourceError         the network was not trained on the guidelines of this corpus
├── PromptError                a prompt that is unknown, or whose file is damaged
└── AnnotationError            one text could not be annotated; a value in the annotator's results
    └── TextTooLongError       more characters or tokens than the annotator accepts
"""

from collections.abc import Sequence


class ModelsError(Exception):
    """The root of the tree."""


class ConfigError(ModelsError):
    """A model configuration with mistakes, all of them in `mistakes`."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("bad model configuration: " + "; ".join(mistakes))
        self.mistakes = tuple(mistakes)


class CheckpointError(ModelsError):
    """A checkpoint that is refused, with the reason."""


class ParserUnavailableError(ModelsError):
    """No spaCy model for the dependency parse is installed."""


class EmptySentenceError(ModelsError):
    """A sentence has no tokens, so there is nothing to tag or to pool."""


class MissingParseError(ModelsError):
    """A sentence has no heads and relations although the variant reads them."""


class UnknownSourceError(ModelsError):
    """Guidelines of a corpus that the network does not know."""

    def __init__(self, source: str, known: Sequence[str]) -> None:
        expected = (
            f"one of {', '.join(known)}, or none" if known else "none, as the network tells no corpora apart"
        )
        super().__init__(f"source {source!r}: expected {expected}")


class PromptError(ModelsError):
    """A prompt that is unknown, or whose file is damaged."""


class AnnotationError(ModelsError):
    """One text that could not be annotated; its neighbours are not affected."""


class TextTooLongError(AnnotationError):
    """The text has more `unit` than the annotator accepts."""

    def __init__(self, *, limit: int, actual: int, unit: str) -> None:
        super().__init__(f"text has {actual} {unit}, the limit is {limit}: shorten or split it")
        self.limit = limit
        self.actual = actual
        self.unit = unit
