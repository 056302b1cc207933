"""Everything that training raises on purpose, as one tree.

TrainingError           anything that a user of `python -m training` can put right
├── CorpusError         a corpus file is missing, or lines of it are damaged
├── LabelError          labels that the network does not have, or a mapping that cannot be read
├── GloveError          a file of word vectors that cannot be read
├── FeatureStoreError   a cached feature file that is damaged
├── RunStateError       the saved state of a run that was cut off is damaged
├── AblationError       results of an ablation that cannot be read, or that are too few for a report
├── ClassifierError     a Hugging Face classifier that cannot be loaded, or whose labels are unknown
├── RecipeError         unknown or impossible settings, all of them listed at once
└── WriterError         what the alert writer needs is missing or does not fit
"""

from collections.abc import Sequence
from pathlib import Path

MAX_PROBLEMS_SHOWN = 10
_WHERE_CORPORA_LIE = "--data-folder or TOCSIN_DATA names the folder of the known corpora"


class TrainingError(Exception):
    """Something that a user can put right; its text says what was wrong and what to do."""


class CorpusError(TrainingError):
    """A corpus file cannot be used; lists the damaged lines as `file:line: problem`.

    Args:
        problems: the number of the line, from 1, and what is wrong there; number 0: the file cannot be opened.
    """

    def __init__(self, path: Path, problems: Sequence[tuple[int, str]]) -> None:
        self.path = path
        self.problems = tuple(problems)
        shown = [
            f"{path}:{line}: {problem}" if line else f"{path}: {problem}; {_WHERE_CORPORA_LIE}"
            for line, problem in problems[:MAX_PROBLEMS_SHOWN]
        ]
        if len(problems) > MAX_PROBLEMS_SHOWN:
            shown.append(f"... and {len(problems) - MAX_PROBLEMS_SHOWN} more damaged lines in {path}")
        super().__init__("\n".join(shown))


class LabelError(TrainingError):
    """Labels that the network does not have, or a label mapping that cannot be read."""


class GloveError(TrainingError):
    """A file of word vectors cannot be read."""


class FeatureStoreError(TrainingError):
    """A cached feature file is damaged; deleting it makes the next run build it again."""


class RunStateError(TrainingError):
    """The saved state of a run that was cut off is damaged."""


class AblationError(TrainingError):
    """Results of an ablation cannot be read, or are too few for a report."""


class ClassifierError(TrainingError):
    """A Hugging Face classifier cannot be loaded, or has labels that are not sentiments."""


class RecipeError(TrainingError):
    """Settings of a training run are unknown or impossible."""


class WriterError(TrainingError):
    """The alert writer cannot be trained or scored: something that it needs is missing or does not fit."""
