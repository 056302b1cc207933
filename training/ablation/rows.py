"""What is compared: the paper's variants, F, and single changes to F or E."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from training.errors import AblationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table.

    Attributes:
        name: "E", or "F-softmax" for an option.
        variant: a letter of `models.VARIANTS`.
        what: a phrase for readers.
        model: fields of ModelConfig that differ from the variant's.
    """

    name: str
    variant: str
    what: str
    model: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


_VARIANTS = (
    ("A", "two encoders, SynLSTM and BiLSTM, + characters"),
    ("B", "two encoders, SynLSTM and BiLSTM"),
    ("C", "one shared SynLSTM"),
    ("D", "one shared BiLSTM"),
    ("E", "one shared SynLSTM + characters"),
    ("F", "one shared BiLSTM + characters"),
)
_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("softmax", "tags one by one, no CRF", {"use_crf": False}),
    ("iobes", "tag scheme IOBES, not BIO", {"tag_scheme": "IOBES"}),
    ("small", "hidden size 100, not 200", {"hidden_size": 100}),
    ("dropout0", "no dropout on token features, not 0.5", {"embedding_dropout": 0.0}),
)

ROWS: Mapping[str, Row] = MappingProxyType(
    {letter: Row(name=letter, variant=letter, what=what) for letter, what in _VARIANTS}
    | {
        f"{letter}-{name}": Row(
            name=f"{letter}-{name}", variant=letter, what=f"{letter}, {what}", model=changes
        )
        for letter in "FE"
        for name, what, changes in _OPTIONS
    }
)
DEFAULT_ROWS = ("F", "E", "D", "C", "A", "B", "F-small", "F-softmax", "F-iobes", "F-dropout0")
"""In the order in which they are run: an ablation that is cut short has the rows that matter most."""


def find_rows(names: Sequence[str]) -> list[Row]:
    """Rows by name; raises AblationError with every unknown name."""
    if unknown := [name for name in names if name not in ROWS]:
        raise AblationError(f"unknown variants {', '.join(unknown)}: expected some of {', '.join(ROWS)}")
    return [ROWS[name] for name in dict.fromkeys(names)]
