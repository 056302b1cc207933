"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> str:
    """Return a table.

    Args:
        columns: keys of the rows, each with the words above its column.
        rows: a value that is missing or None is an empty cell.
    """
    lines = [_line(list(columns.values())), _line(["---"] * len(columns))]
    return "\n".join(lines + [_line([_cell(row.get(key)) for key in columns]) for row in rows])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "·")
