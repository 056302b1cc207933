"""What is compared: the rows of the alert report, and what a row did with a post."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from training.errors import RecipeError

EntitySource = Literal["gold+3", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way from posts to alerts.

    Attributes:
        way: `ours` runs the pipeline's generator, `paper` samples serially, filters and selects as the paper does.
        has_adapter: whether the LLM is our writer, or the same model without the adapter.
        prompt: of the samples.
        constraint: auto (a grammar, if the server obeys one) or none.
    """

    name: str
    way: Literal["ours", "paper"] = "ours"
    has_adapter: bool = True
    prompt: str = "writer-v1"
    num_samples: int = 8
    selection: str = "likelihood"
    constraint: Literal["auto", "none"] = "auto"
    temperature: float = 0.7


@dataclass(frozen=True, slots=True)
class PostResult:
    """What a row did with one post: the alert that it published or none, and the cost."""

    post_id: str
    theme: str | None  # None: no alert
    entity: str | None
    reason: str  # `alert`, or why there is none
    num_tokens: int  # prompt and completion, as the LLM server counts them
    seconds: float  # time of all requests to the LLM server together
    samples: tuple[str, ...] = ()
    confidence: float | None = None  # 0 to 1; also of an alert that was held back as doubtful

    @property
    def is_alert(self) -> bool:
        """Whether an alert was published."""
        return self.theme is not None


def _writer(name: str, num_samples: int = 8, selection: str = "likelihood") -> Row:
    return Row(name=name, num_samples=num_samples, selection=selection)


def _judge(name: str, num_samples: int) -> Row:
    return Row(name=name, prompt="writer-v2", num_samples=num_samples, selection="judge")


ROWS: tuple[Row, ...] = (
    Row(
        name="paper", way="paper", has_adapter=False, prompt="candidate-v1", num_samples=30, constraint="none",
        selection="llm",
    ),
    Row(name="base-free", has_adapter=False, prompt="candidate-v1", constraint="none"),
    Row(name="base", has_adapter=False, prompt="candidate-v1"),
    Row(name="base-no-examples", has_adapter=False, constraint="none"),
    Row(name="writer-greedy", num_samples=1, constraint="none", temperature=0.0),
    Row(name="writer-free", constraint="none"),
    _writer("ours"),
    _writer("n=1", 1),
    _writer("n=4", 4),
    _writer("n=16", 16),
    _writer("n=30", 30),
    _writer("select-llm", selection="llm"),
    _writer("select-majority", selection="majority"),
    _writer("select-first", selection="first"),
    _judge("judge", 8),
    _judge("judge-n=4", 4),
)  # fmt: skip
EXPLAINED = {
    "paper": "the paper's way on the same LLM: 30 samples one after another, entity anywhere in the line, LLM selects",
    "base-free": "our prompt with examples, no constraint, no adapter",
    "base": "the same under the grammar",
    "base-no-examples": "the writer's short prompt without the adapter",
    "writer-greedy": "the adapter, one greedy answer, no constraint",
    "writer-free": "the adapter, n = 8, the likeliest, no constraint",
    "ours": "the embedded default: adapter, grammar, n = 8, the likeliest",
    "judge": "the adapter judges its own samples, the one that is most probably true, nothing held back",
}


def find_rows(names: list[str]) -> list[Row]:
    """Return the rows by name, all of them if none is named; raises RecipeError."""
    known = {row.name: row for row in ROWS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RecipeError(f"no such row: {', '.join(unknown)}; expected {', '.join(known)}")
    return [known[name] for name in names] if names else list(ROWS)
