"""The report: a row for each scenario, passed or not, kept as JSON and shown as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.run_scenario import Result

JSON_NAME = "report.json"
MARKDOWN_NAME = "report.md"

Row = dict[str, Any]  # as it is in the JSON file

_HEAD = """\
# What the pipeline survives

Written by `make chaos`; do not edit. Real agents against Apache Kafka, and a fake LLM server that gives no two answers
alike. Each row is the last run of its scenario, passed or failed.

- *missing*: acknowledged posts without an outcome. *doubled*: outcomes beyond one for each post. *differing*: posts
  with two outcomes of different content. *re-alerted*: alerts published after everything was read again.
  *dead*: posts that ended as a dead letter.
- *recovery*: seconds, the longest silence of outcomes after a fault (after its end, if it lasts), over all faults of
  the row.
- *memory*: how far an agent's resident memory rose, after the first fault, above the most that it held before.
"""

_COLUMNS: Mapping[str, str] = {
    "posts": "posts",
    "faults": "faults",
    "missing": "missing",
    "doubled": "doubled",
    "differing": "differing",
    "re-alerted": "re_alerted",
    "dead": "dead",
    "recovery": "recovery_seconds",
    "memory": "memory_growth",
}


def to_row(result: Result, circumstances: Mapping[str, Any]) -> Row:
    """Return the result as it is kept.

    Args:
        circumstances: what else the figures depend on: commit, machine, seed, time.
    """
    return {
        "name": result.scenario.name,
        "title": result.scenario.title,
        "bar": result.scenario.bar_text,
        "verdict": "missed" if result.breaches else "held",
        "breaches": result.breaches,
        "figures": asdict(result.figures) if result.figures else None,
        "seconds": round(result.seconds),
        **circumstances,
    }


def merge(folder: Path, rows: Sequence[Row], order: Iterable[str]) -> list[Row]:
    """Return the rows of the report in `folder`, with these in place of older ones of the same scenarios."""
    file = folder / JSON_NAME
    kept = {row["name"]: row for row in json.loads(file.read_text())} if file.exists() else {}
    kept |= {row["name"]: row for row in rows}
    return [kept[name] for name in order if name in kept]


def write(folder: Path, rows: Sequence[Row]) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_NAME).write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
    (folder / MARKDOWN_NAME).write_text(to_markdown(rows))


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a page: the table, then the reasons of missed bars, then the circumstances."""
    parts = [_HEAD, _table(["fault", *_COLUMNS, "bar", "verdict"], map(_cells, rows))]
    if missed := [row for row in rows if row["breaches"]]:
        parts += ["## Bars that were missed\n", "".join(map(_breaches, missed))]
    if noted := [row for row in rows if row["figures"] and row["figures"]["notes"]]:
        parts += ["## More of single rows\n", "".join(map(_notes, noted))]
    sources = ([row["name"], *(str(row[name]) for name in _SOURCE)] for row in rows)
    parts += ["## Where the figures are from\n", _table(["scenario", *_SOURCE], sources)]
    return "\n".join(parts)


_SOURCE = ("measured", "commit", "command", "seed", "seconds", "versions", "machine")


def _cells(row: Row) -> list[str]:
    figures = row["figures"] or {}
    shown = [_shown(name, figures.get(name)) for name in _COLUMNS.values()]
    verdict = row["verdict"] if row["verdict"] == "held" else f"**{row['verdict']}**"
    return [row["title"], *shown, row["bar"], verdict]


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:+.1%}" if name == "memory_growth" else f"{value:,}"


def _breaches(row: Row) -> str:
    return "".join(f"- `{row['name']}`: {_cell(breach)}\n" for breach in row["breaches"])


def _notes(row: Row) -> str:
    return "".join(
        f"- `{row['name']}`: {name}: {_cell(note)}\n" for name, note in row["figures"]["notes"].items()
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines)


def _cell(value: object) -> str:
    """Return the value as one line that does not end the table's cell."""
    return " ".join(str(value).split()).replace("|", "\\|")
