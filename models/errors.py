"""Every error that `models` raises, or returns as the result of a text.

ModelsError
├── ConfigError                a model configuration cannot be built; lists every mistake
├── CheckpointError            a checkpoint is damaged or does not fit this code
├── ParserUnavailableError     the variant reads a parse, and no spaCy model is installed
├── EmptySentenceError         a sentence without tokens was given to the featurizer
├── MissingParseError          the variant reads a parse, and a sentence has none
├── UnknownGuidelinesError     the network was not trained on the guidelines of this corpus
├── PromptError                a prompt is unknown, or its file is damaged
├── CalibrationError           the calibration of a judge is damaged
└── AnnotationError            one text could not be annotated; the annotator returns it, and does not raise it
"""

from collections.abc import Sequence


class ModelsError(Exception):
    """The root of all errors of this package."""


class ConfigError(ModelsError):
    """A model configuration has mistakes; `mistakes` lists all of them."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("bad model configuration: " + "; ".join(mistakes))
        self.mistakes = tuple(mistakes)


class CheckpointError(ModelsError):
    """A checkpoint was refused; the message gives the reason."""


class ParserUnavailableError(ModelsError):
    """No spaCy model that parses dependencies is installed."""


class EmptySentenceError(ModelsError):
    """A sentence has no tokens, so nothing can be tagged or pooled."""


class MissingParseError(ModelsError):
    """A sentence has no heads and relations, although the variant reads them."""


class UnknownGuidelinesError(ModelsError):
    """The network does not know the guidelines that were asked for."""

    def __init__(self, guidelines: str, known: Sequence[str]) -> None:
        expected = (
            f"one of {', '.join(known)}, or none"
            if known
            else "none, because the network tells no corpora apart"
        )
        super().__init__(f"guidelines {guidelines!r}: expected {expected}")


class PromptError(ModelsError):
    """A prompt that is unknown, or whose file is damaged."""


class CalibrationError(ModelsError):
    """A calibration of a judge was refused; the message gives the reason."""


class AnnotationError(ModelsError):
    """One text could not be annotated; the other texts of the call are not affected."""
