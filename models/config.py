"""What a network is made of: three flags, sizes, labels; and the paper's variants by letter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Self

from models.errors import ConfigError

TAG_SCHEMES: Mapping[str, str] = MappingProxyType({"BIO": "BI", "IOBES": "BIES"})
"""Prefixes of each tag scheme. Both schemes also have `O`, which has no prefix."""
NO_GUIDELINES = "none"
"""Stands for a text that follows the annotation guidelines of no corpus in particular."""
SENTIMENT_LOSS_NAMES = ("cross_entropy", "focal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """One network. The first three fields are the flags of the paper's section 3."""

    use_char_embs: bool
    """Whether a character BiLSTM adds to a token's features."""
    use_separate_lstms: bool
    """Whether sentiment has its own BiLSTM, over the word embeddings."""
    use_syn_lstm: bool
    """Whether the sequence encoder is a dependency GCN with a SynLSTM instead of a standard BiLSTM."""

    entity_types: tuple[str, ...] = ("LOC", "MISC", "ORG", "PER")
    sentiment_labels: tuple[str, ...] = ("negative", "neutral", "positive")
    # `sources`, `default_source` and `source_dropout` are keys of checkpoints and recipes, so they keep their names.
    sources: tuple[str, ...] = ()
    """Corpora whose annotation guidelines the network tells apart; it has one embedding for each.

    Guidelines disagree on what an entity is, for example on user names and products. A network without this field
    can only guess which guidelines hold.
    """
    default_source: str = ""
    """The corpus whose guidelines a text follows if it names none; "" if it follows none of them."""
    sentiment_sources: tuple[str, ...] = ()
    """Those of `sources` whose sentiment is another task than that of all other texts, and has a head of its own.

    The crowd that labelled TweetEval hears the writer's mood; a news desk hears the tone of the news.
    """
    tag_scheme: str = "BIO"
    use_crf: bool = True
    """Whether a CRF decodes the tags of a sentence together, or a softmax decodes them one by one."""
    sentiment_loss: str = "cross_entropy"

    word_dim: int = 100
    char_dim: int = 30
    char_hidden_size: int = 40
    """Size of the character BiLSTM, per direction."""
    max_word_chars: int = 32
    """How many characters of a word the character BiLSTM reads; longer words lose their middle."""
    case_dim: int = 10
    """Size of the embedding of a word's case class."""
    hidden_size: int = 200
    """Size of the sequence encoder, per direction."""
    sentiment_hidden_size: int = 200
    """Size of the separate sentiment BiLSTM, per direction; unused if the encoder is shared."""
    num_sentiment_layers: int = 2
    gcn_size: int = 100
    num_gcn_layers: int = 2
    deprel_dim: int = 50

    source_dropout: float = 0.2
    """Probability that a sentence's guidelines are hidden from the network in training."""
    word_dropout: float = 0.3
    """Probability that a rare word without a pretrained vector is replaced by the unknown word in training."""
    embedding_dropout: float = 0.5
    """Dropout of token features; one mask for all tokens of a sentence."""
    ner_dropout: float = 0.3
    """Dropout of hidden states before the NER head; one mask for all tokens of a sentence."""
    sentiment_dropout: float = 0.4
    """Dropout in the sentiment head."""

    def __post_init__(self) -> None:
        if mistakes := [*_label_mistakes(self), *_number_mistakes(self)]:
            raise ConfigError(mistakes)

    @property
    def needs_parse(self) -> bool:
        """Whether sentences must carry heads and relations."""
        return self.use_syn_lstm

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags of the scheme; `O` comes first."""
        prefixes = TAG_SCHEMES[self.tag_scheme]
        return ("O", *(f"{prefix}-{kind}" for kind in self.entity_types for prefix in prefixes))

    def source_index(self, name: str) -> int:
        """Return the number of a source, counted from 1; 0 for a name that is none of them."""
        return self.sources.index(name) + 1 if name in self.sources else 0

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that `to_dict` wrote; raises `ConfigError` with every mistake."""
        types = {field.name: field.type for field in fields(cls)}
        mistakes = [f"{name}: unknown key" for name in values if name not in types]
        mistakes += [
            f"{name}={values[name]!r}: expected {_type_name(expected)}"
            for name, expected in types.items()
            if name in values and not _is_of_type(values[name], expected)
        ]
        mistakes += [f"{name}: missing" for name in _FLAGS if name not in values]
        if mistakes:
            raise ConfigError(mistakes)
        arguments: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        return cls(**arguments)


_FLAGS = ("use_char_embs", "use_separate_lstms", "use_syn_lstm")


def _type_name(expected: Any) -> str:
    return expected.__name__ if isinstance(expected, type) else "a list of strings"


def _is_of_type(value: Any, expected: Any) -> bool:
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(expected, type) and expected in (bool, int, str):
        return type(value) is expected
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _label_mistakes(config: ModelConfig) -> list[str]:
    mistakes = []
    if config.tag_scheme not in TAG_SCHEMES:
        mistakes.append(f"tag_scheme={config.tag_scheme!r}: expected one of {', '.join(TAG_SCHEMES)}")
    if config.sentiment_loss not in SENTIMENT_LOSS_NAMES:
        mistakes.append(
            f"sentiment_loss={config.sentiment_loss!r}: expected one of {', '.join(SENTIMENT_LOSS_NAMES)}"
        )
    for name, labels in (
        ("entity_types", config.entity_types),
        ("sentiment_labels", config.sentiment_labels),
    ):
        if not labels or len(set(labels)) != len(labels) or "" in labels:
            mistakes.append(f"{name}={labels!r}: expected at least one name, and no name twice")
    return [*mistakes, *_guidelines_mistakes(config)]


def _guidelines_mistakes(config: ModelConfig) -> list[str]:
    mistakes = []
    if len(set(config.sources)) != len(config.sources) or {"", NO_GUIDELINES} & set(config.sources):
        mistakes.append(
            f"sources={config.sources!r}: expected names, none of them twice and none {NO_GUIDELINES!r}"
        )
    if config.default_source and config.default_source not in config.sources:
        known = ", ".join(config.sources) or "none"
        mistakes.append(f"default_source={config.default_source!r}: expected one of the sources: {known}")
    if not {*config.sentiment_sources} <= {*config.sources} - {config.default_source}:
        mistakes.append(
            f"sentiment_sources={config.sentiment_sources!r}: expected some of the sources, but not the default one"
        )
    return mistakes


def _number_mistakes(config: ModelConfig) -> list[str]:
    mistakes = []
    for field in fields(config):
        value = getattr(config, field.name)
        if field.type is int and not 1 <= value <= 4096:
            mistakes.append(f"{field.name}={value!r}: expected a whole number from 1 to 4096")
        if field.type is float and not 0 <= value < 1:
            mistakes.append(f"{field.name}={value!r}: expected a probability from 0 to below 1")
    return mistakes


def _variant(*, char: bool, separate: bool, syn: bool) -> ModelConfig:
    return ModelConfig(use_char_embs=char, use_separate_lstms=separate, use_syn_lstm=syn)


VARIANTS: Mapping[str, ModelConfig] = MappingProxyType(
    {
        "A": _variant(char=True, separate=True, syn=True),
        "B": _variant(char=False, separate=True, syn=True),
        "C": _variant(char=False, separate=False, syn=True),
        "D": _variant(char=False, separate=False, syn=False),
        "E": _variant(char=True, separate=False, syn=True),
        "F": _variant(char=True, separate=False, syn=False),
    }
)
"""The variants A-E of the paper's section 6, and F, which is D with characters and needs no parser either."""
