"""The joint network for named entities and sentiment: variants A-F, checkpoints, and the annotator.

A text becomes an annotation in five steps: `text.tokenizer` cuts it into tokens, `text.parser` parses them if the
variant reads syntax, `network.batch` makes tensors of them, `network.joint_model` scores them, and `annotator` turns
the scores into entities and a sentiment. Tensors stay inside this package, except in training.

- `annotator`: texts in, annotations out; the only entrance to the network that the pipeline uses.
- `annotation`: what an annotation contains.
- `text/`: words before they are tensors: tokens, parses, vocabularies.
- `network/`: from sentences to batches, from batches to scores; checkpoints.
- `layers/`: the layers of the network, a file each.
- `config`: what a network is made of, and the paper's variants by letter.
- `checkpoints/`: the trained network that comes with the package.
- `prompts/`: what an LLM is asked; the pipeline and the training of the alert writer share it.
- `writers/`: the trained alert writer that comes with the package.
- `errors`: every error that this package raises.
- `bench`: how fast the network is.
- `package_release`: how versions of packages are compared.

A name of the package is loaded when it is first used. PyTorch takes a second or more to load, and neither the prompts
nor the alert agent need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.annotation import STAGES as STAGES
    from models.annotation import Annotation as Annotation
    from models.annotation import Entity as Entity
    from models.annotation import Sentiment as Sentiment
    from models.annotator import Annotator as Annotator
    from models.checkpoints import DEFAULT_CHECKPOINT as DEFAULT_CHECKPOINT
    from models.config import NO_GUIDELINES as NO_GUIDELINES
    from models.config import VARIANTS as VARIANTS
    from models.config import ModelConfig as ModelConfig
    from models.errors import AnnotationError as AnnotationError
    from models.errors import CheckpointError as CheckpointError
    from models.errors import ConfigError as ConfigError
    from models.errors import EmptySentenceError as EmptySentenceError
    from models.errors import MissingParseError as MissingParseError
    from models.errors import ModelsError as ModelsError
    from models.errors import ParserUnavailableError as ParserUnavailableError
    from models.errors import UnknownGuidelinesError as UnknownGuidelinesError
    from models.network.batch import Batch as Batch
    from models.network.batch import Featurizer as Featurizer
    from models.network.checkpoint import Checkpoint as Checkpoint
    from models.network.checkpoint import load_checkpoint as load_checkpoint
    from models.network.checkpoint import save_checkpoint as save_checkpoint
    from models.network.joint_model import JointModel as JointModel
    from models.network.joint_model import Output as Output
    from models.network.joint_model import ScoredSpan as ScoredSpan
    from models.text.parser import DependencyParser as DependencyParser
    from models.text.sentence import Sentence as Sentence
    from models.text.spans import Span as Span
    from models.text.spans import spans_from_tags as spans_from_tags
    from models.text.spans import tags_from_spans as tags_from_spans
    from models.text.tokenizer import Token as Token
    from models.text.tokenizer import tokenize as tokenize
    from models.text.vocabulary import Vocabularies as Vocabularies

_NAMES_BY_MODULE = {
    "models.annotation": "STAGES Annotation Entity Sentiment",
    "models.annotator": "Annotator",
    "models.checkpoints": "DEFAULT_CHECKPOINT",
    "models.config": "NO_GUIDELINES VARIANTS ModelConfig",
    "models.errors": (
        "AnnotationError CheckpointError ConfigError EmptySentenceError MissingParseError ModelsError "
        "ParserUnavailableError UnknownGuidelinesError"
    ),
    "models.network.batch": "Batch Featurizer",
    "models.network.checkpoint": "Checkpoint load_checkpoint save_checkpoint",
    "models.network.joint_model": "JointModel Output ScoredSpan",
    "models.text.parser": "DependencyParser",
    "models.text.sentence": "Sentence",
    "models.text.spans": "Span spans_from_tags tags_from_spans",
    "models.text.tokenizer": "Token tokenize",
    "models.text.vocabulary": "Vocabularies",
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}

__all__ = list(_MODULE_OF)

# Hidden from type checkers, which would otherwise accept any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a name of `__all__` from its module at its first use (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
