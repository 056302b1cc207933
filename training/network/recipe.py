"""Every setting of a training run, and how a person changes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import orjson

from models import VARIANTS, ConfigError, ModelConfig
from training.errors import RecipeError

MODEL_PREFIX = "model."
SCHEDULES = ("linear", "constant")
# The settings that are tables: `--set model.hidden_size=100`, `--set repeats.hard-train=2`.
_TABLES = ("model", "repeats")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings of a training run; each can be set by `--set name=value`.

    Attributes:
        train: corpora to learn from, by name (`training.corpora.named`) or as .jsonl paths.
        dev: corpora that choose the best epoch.
        num_epochs: passes over the entity corpora.
        max_seconds: the schedule is shortened so that the run ends within this time (plus one evaluation); 0: no limit.
        seed: of everything random.
        tokens_per_batch: padded tokens in a batch; sentences of like length share one.
        max_sentences_per_batch: bound for batches of short sentences.
        repeats: how many times an epoch has the texts of a corpus, by its name in `train`; once if it is not named.
        variation: probability that a name in a text that follows `model.default_source` is another one of its type
            in an epoch, and that the mark of a retweet is left out (`training.examples.variation`). A variant that
            reads a parse sees the texts as they are: with other words, theirs would be wrong.
        sentiment_share: share of the texts with nothing but a sentiment that an epoch sees, drawn anew; repeated
            texts count as often as they are repeated.
        learning_rate: of everything but the sentiment head.
        sentiment_learning_rate: of the sentiment head.
        use_sparse_word_steps: whether a word's vector moves only in steps whose batch holds the word, and never by
            weight decay (SparseAdam). Adam keeps moving it for dozens of steps, which carries a rare word ten times
            as far.
        use_separate_optimisers: whether each task has Adam moments of its own for the shared layers.
        sentiment_shared_rate: with separate optimisers, how far a batch of sentiments moves the shared layers,
            relative to a batch of entities; below 1 it keeps sentiment from hurting entities.
        weight_decay: of AdamW.
        schedule: "linear" decays all rates to zero at the end, "constant" leaves them.
        accumulation: batches to a step.
        clip_norm: upper bound of the gradient's norm.
        plateau_patience: epochs without a better sentiment macro F1 after which the sentiment head's rate falls
            to a tenth; 0 for never.
        stop_patience: epochs without a better score on dev after which a task is no longer trained; the run ends
            when neither is; 0 for never.
        stop_min_rise: a smaller rise of the score does not count as better.
        selection_sentiment_weight: the best epoch has the highest mean entity F1 over the dev corpora plus
            this times the mean sentiment macro recall.
        min_count: a training word without a vector enters the vocabulary if it occurs this often.
        max_tail_words: words of GloVe kept beyond those seen in training; most of a checkpoint's size is theirs.
        model: fields of ModelConfig that differ from the variant's.
    """

    train: tuple[str, ...]
    dev: tuple[str, ...]
    num_epochs: int = 14
    max_seconds: float = 0.0
    seed: int = 1
    tokens_per_batch: int = 400
    max_sentences_per_batch: int = 64
    repeats: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    variation: float = 0.0
    sentiment_share: float = 1 / 3
    learning_rate: float = 2e-3
    sentiment_learning_rate: float = 2e-3
    use_sparse_word_steps: bool = False
    use_separate_optimisers: bool = True
    sentiment_shared_rate: float = 1.0
    weight_decay: float = 0.01
    schedule: str = "linear"
    accumulation: int = 1
    clip_norm: float = 5.0
    plateau_patience: int = 0
    stop_patience: int = 0
    stop_min_rise: float = 0.001
    selection_sentiment_weight: float = 0.25
    min_count: int = 2
    max_tail_words: int = 60_000
    model: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        mistakes = [*_number_mistakes(self)]
        if self.schedule not in SCHEDULES:
            mistakes.append(f"schedule={self.schedule!r}: expected one of {', '.join(SCHEDULES)}")
        if self.use_separate_optimisers and self.accumulation > 1:
            mistakes.append(
                "accumulation > 1 would mix the tasks' gradients: set use_separate_optimisers=false"
            )
        mistakes += [
            f"repeats.{name}={times!r}: expected a whole number from 1 to 100"
            for name, times in self.repeats.items()
            if type(times) is not int or not 1 <= times <= 100
        ]
        mistakes += [f"{name} is empty" for name in ("train", "dev") if not getattr(self, name)]
        if mistakes:
            raise RecipeError("\n".join(mistakes))

    def model_config(self, variant: str) -> ModelConfig:
        """Return the variant's configuration with this recipe's changes; raises RecipeError."""
        if variant not in VARIANTS:
            raise RecipeError(f"variant {variant!r}: expected one of {', '.join(VARIANTS)}")
        try:
            return ModelConfig.from_dict({**VARIANTS[variant].to_dict(), **self.model})
        except ConfigError as error:
            raise RecipeError("\n".join(f"{MODEL_PREFIX}{mistake}" for mistake in error.mistakes)) from error

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as JSON values."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: _to_json(value) for name, value in values.items()}

    def with_changes(self, changes: Sequence[str]) -> "Recipe":
        """Return this recipe with `name=value` changes; raises RecipeError with every mistake."""
        types = {item.name: item.type for item in fields(self) if item.name not in _TABLES}
        values: dict[str, Any] = {}
        tables = {name: dict(getattr(self, name)) for name in _TABLES}
        mistakes: list[str] = []
        for change in changes:
            name, equals, text = change.partition("=")
            if not equals:
                mistakes.append(f"{change!r}: expected name=value")
            elif name.partition(".")[0] in tables and "." in name:
                table, _, key = name.partition(".")
                tables[table][key] = _parse_json(text)
            elif name not in types:
                mistakes.append(
                    f"{name}: unknown setting; known are {', '.join(types)}, {MODEL_PREFIX}... and repeats..."
                )
            elif (value := _parse(text, types[name])) is None:
                mistakes.append(f"{change}: expected {getattr(types[name], '__name__', types[name])}")
            else:
                values[name] = value
        if mistakes:
            raise RecipeError("\n".join(mistakes))
        return replace(self, **(values | tables))


# name -> (lowest allowed, highest allowed)
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "num_epochs": (1, 10_000),
    "max_seconds": (0, 1e7),
    "seed": (0, 2**31),
    "tokens_per_batch": (1, 1e7),
    "max_sentences_per_batch": (1, 1e5),
    "variation": (0, 1),
    "sentiment_share": (0, 1),
    "learning_rate": (1e-8, 10),
    "sentiment_learning_rate": (1e-8, 10),
    "sentiment_shared_rate": (0, 1),
    "weight_decay": (0, 1),
    "accumulation": (1, 1000),
    "clip_norm": (1e-6, 1e6),
    "plateau_patience": (0, 10_000),
    "stop_patience": (0, 10_000),
    "stop_min_rise": (0, 1),
    "selection_sentiment_weight": (0, 10),
    "min_count": (1, 1000),
    "max_tail_words": (0, 10_000_000),
}


def _number_mistakes(recipe: Recipe) -> list[str]:
    return [
        f"{name}={getattr(recipe, name)!r}: expected a number from {low:g} to {high:g}"
        for name, (low, high) in _BOUNDS.items()
        if not low <= getattr(recipe, name) <= high
    ]


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _parse(text: str, expected: object) -> Any:
    if expected in (int, float):
        try:
            return int(text.replace("_", "")) if expected is int else float(text)
        except ValueError:
            return None
    if expected is bool:
        return {"true": True, "false": False}.get(text.lower())
    return text if expected is str else tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
