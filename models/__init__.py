"""The joint network for named entities and sentiment: variants A-F, checkpoints, and the annotator.

A text goes `tokenizer` → `parser` (where the variant reads syntax) → `batch` → `joint_model` → `annotation`;
`annotator` runs this for many texts at once. Tensors stay inside this package, except in training. `plain_text` is
how prompts show a post, which the pipeline and the training of its writer must agree on.
"""

from models.annotation import Annotation, Entity, Sentiment
from models.annotator import Annotator
from models.batch import Batch, Featurizer
from models.checkpoint import DEFAULT_CHECKPOINT, Checkpoint, load_checkpoint, save_checkpoint
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
from models.joint_model import JointModel, Output, ScoredSpan
from models.parser import DependencyParser
from models.sentence import Sentence
from models.spans import Span, spans_from_tags, tags_from_spans
from models.tokenizer import Token, tokenize
from models.vocabulary import Vocabularies

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
