"""The report shows everything, failures first of all."""

from pathlib import Path
from typing import Any

from tests.chaos.faults import SCENARIOS
from tests.chaos.report import merge, to_markdown, to_row, write
from tests.chaos.run_scenario import Result
from tests.chaos.scenario import Figures

_KNOWN = {name: name for name in ("measured", "commit", "command", "seed", "versions", "machine")}
_FIGURES = Figures(
    missing=12,
    doubled=1_956,
    differing=0,
    re_alerted=0,
    dead=0,
    unknown=0,
    recovery_seconds=7.5,
    memory_growth=0.0312,
    posts=20_000,
    faults=10,
    notes={"missing ids": ["post-1"]},
)


def _row(name: str, figures: Figures | None = _FIGURES, breaches: tuple[str, ...] = ()) -> dict[str, Any]:
    return to_row(Result(SCENARIOS[name], 61.4, figures, list(breaches)), _KNOWN)


def _line(page: str, title: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(f"| {title}"))


def test_a_missed_bar_is_in_the_table_and_below_it() -> None:
    """A row that failed is shown with its figures, its verdict and the reason."""
    page = to_markdown([_row("sigkill", breaches=("missing: 12 (bar 0)",)), _row("sigterm")])
    assert "| 20,000 | 10 | 12 | 1,956 | 0 | 0 | 0 | 7.5 | +3.1% |" in _line(page, "SIGKILL")
    assert "| **missed** |" in _line(page, "SIGKILL")
    assert "| held |" in _line(page, "SIGTERM")
    assert "- `sigkill`: missing: 12 (bar 0)\n" in page


def test_a_scenario_that_could_not_be_run_misses_its_bar() -> None:
    """It has no figures but a reason, and nothing in the reason breaks the table."""
    row = _row("sigkill", None, ("the harness failed: OSError: a | b\nc",))
    page = to_markdown([row])
    assert "| – | – | – |" in _line(page, "SIGKILL")
    assert "- `sigkill`: the harness failed: OSError: a \\| b c\n" in page


def test_a_run_of_some_scenarios_keeps_the_rows_of_the_others(tmp_path: Path) -> None:
    """Only the rows that were run again are replaced, and the order stays that of the scenarios."""
    write(tmp_path, [_row("sigkill", breaches=("missing: 12 (bar 0)",)), _row("fuzz")])
    rows = merge(tmp_path, [_row("sigterm"), _row("fuzz", breaches=("dead: 1 (bar 0)",))], SCENARIOS)
    assert [(row["name"], row["verdict"]) for row in rows] == [
        ("sigkill", "missed"),
        ("sigterm", "held"),
        ("fuzz", "missed"),
    ]
