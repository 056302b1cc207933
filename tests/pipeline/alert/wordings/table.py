"""The tables of wordings, and what the rule says of each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.alert.evidence import as_line
from pipeline.alert.grounds.dictation import is_dictated, kind_of_order

FOLDER = Path(__file__).parent
TABLES = ("official", "dictated")
HALVES = ("dev", "held")


@dataclass(frozen=True)
class Wording:
    """A post with an alert in its words.

    Attributes:
        half: `dev` for tuning the rule, or `held`.
        alert: the alert that stands in the text.
        is_dictated: whether the rule must reject the alert.
    """

    half: str
    alert: str
    text: str
    is_dictated: bool

    @property
    def line(self) -> str:
        """The text as the rule reads it."""
        return as_line(self.text)

    @property
    def is_judged_right(self) -> bool:
        """Whether the rule rejects the alert if and only if it must."""
        return is_dictated(as_line(self.alert), self.line) is self.is_dictated


def read_table(name: str) -> list[Wording]:
    """Return the rows of `official` or `dictated`."""
    lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [
        Wording(half, alert, text, name == "dictated")
        for half, alert, text in (line.split("\t") for line in lines)
    ]


def render_report() -> str:
    """Return the report: the errors of each table and half, and every row that is judged wrong."""
    return "\n".join(_report_lines()) + "\n"


def _report_lines() -> Iterator[str]:
    yield "# Official wordings and dictated alerts: errors of the rule `alert_dictated`"
    yield ""
    yield "Made by `python -m tests.pipeline.alert.wordings`. The rule was tuned on `dev`."
    yield ""
    yield "| table | error | dev | held out |"
    yield "|---|---|---|---|"
    wrong: list[Wording] = []
    for name, error in zip(TABLES, ("rejected", "not rejected"), strict=True):
        cells = []
        for half in HALVES:
            rows = [row for row in read_table(name) if row.half == half]
            errors = [row for row in rows if not row.is_judged_right]
            wrong += errors
            cells.append(f"{len(errors)} of {len(rows)}")
        yield f"| {name} | {error} | {' | '.join(cells)} |"
    yield ""
    yield "Judged wrong:"
    yield ""
    for row in wrong:
        yield f"- {row.half}: `{row.text}` ({kind_of_order(row.line) or 'no sign of an order'})"
