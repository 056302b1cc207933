"""The joint network for named entities and sentiment: variants A-F, checkpoints, and the annotator.

A text goes `tokenizer` → `parser` (where the variant reads syntax) → `batch` → `joint_model` → `annotation`;
`annotator` runs this for many texts at once. Tensors stay inside this package, except in training. `plain_text` is
how prompts show a post, which the pipeline and the training of its writer must agree on.
"""

from models.annotation import Annotation, Entity, Sentiment
from models.annotator import Annotator
from models.config import NO_SOURCE, VARIANTS, ModelConfig
from models.errors import (
    AnnotationError,
    CheckpointError,
    ConfigError,
    EmptySentenceError,
    MissingParseError,
    ModelsError,
    ParserUnavailableError,
    TextTooLongError,
    UnknownSourceError,
)
from models.network.batch import Batch, Featurizer
from models.network.checkpoint import DEFAULT_CHECKPOINT, Checkpoint, load_checkpoint, save_checkpoint
from models.network.joint_model import JointModel, Output, ScoredSpan
from models.text.parser import DependencyParser
from models.text.sentence import Sentence
from models.text.spans import Span, spans_from_tags, tags_from_spans
from models.text.tokenizer import Token, tokenize
from models.text.vocabulary import Vocabularies

__all__ = [
    "DEFAULT_CHECKPOINT",
    "NO_SOURCE",
    "VARIANTS",
    "Annotation",
    "AnnotationError",
    "Annotator",
    "Batch",
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "DependencyParser",
    "EmptySentenceError",
    "Entity",
    "Featurizer",
    "JointModel",
    "MissingParseError",
    "ModelConfig",
    "ModelsError",
    "Output",
    "ParserUnavailableError",
    "ScoredSpan",
    "Sentence",
    "Sentiment",
    "Span",
    "TextTooLongError",
    "Token",
    "UnknownSourceError",
    "Vocabularies",
    "load_checkpoint",
    "save_checkpoint",
    "spans_from_tags",
    "tags_from_spans",
    "tokenize",
]
