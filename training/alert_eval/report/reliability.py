"""The tables and the picture of what `confidence` is worth: reliability bins and thresholds, as Markdown and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from training.alert_eval.report.markdown import table

# Pixels. A panel is a square plot with room for its labels.
_SIDE = 240
_LEFT, _TOP, _BOTTOM, _GAP = 44, 40, 44, 24
_STYLE = (
    "text{font:11px sans-serif;fill:#222}.frame{fill:none;stroke:#888}.ideal{stroke:#888;stroke-dasharray:4 3}"
    ".bar{fill:#4477aa;fill-opacity:.55}.dot{fill:#aa3377}"
)
_THRESHOLD_COLUMNS = {
    "threshold": "at least",
    "alerts": "alerts",
    "alerts_left": "of all alerts",
    "due_left": "due posts with an alert",
    "right": "right",
    "false": "false",
}
_BIN_COLUMNS = {
    "from": "from",
    "to": "to",
    "alerts": "alerts",
    "mean_confidence": "mean confidence",
    "right": "right",
}


def confidence_sections(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a section with both tables for each row of the report whose alerts have a confidence."""
    sections: list[str] = []
    for row in with_confidence(rows):
        sections += [
            f"## Confidence: {row['setting']}",
            "What is published if alerts below a confidence are held back:",
            table(_THRESHOLD_COLUMNS, row["thresholds"]),
            "Confidence and the share that is right:",
            table(_BIN_COLUMNS, row["reliability"]),
        ]
    return sections


def with_confidence(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows whose alerts have a confidence."""
    return [row for row in rows if row.get("reliability")]


def reliability_svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a diagram with a panel for each row: bars for the share right, dots at the mean confidence of the bin.

    On the dashed line confidence is the share that is right. The radius of a dot grows with the bin's alerts.
    """
    width = len(rows) * (_LEFT + _SIDE + _GAP)
    height = _TOP + _SIDE + _BOTTOM
    panels = [_panel(row, index * (_LEFT + _SIDE + _GAP) + _LEFT) for index, row in enumerate(rows)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    paper = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", paper, *panels, "</svg>"]) + "\n"


def _panel(row: Mapping[str, Any], left: int) -> str:
    bins = [held for held in row["reliability"] if held["alerts"]]
    most = max((held["alerts"] for held in bins), default=1)
    bars = [_bar(held) for held in bins]
    dots = [_dot(held, most) for held in bins]
    ece = row.get("ece")
    title = (
        f"{row['setting']}: ECE {ece:.3f}, {row['num_confident']} alerts"
        if ece is not None
        else row["setting"]
    )
    parts = [
        f'<g transform="translate({left},{_TOP})">',
        f'<text x="0" y="-14">{escape(str(title))}</text>',
        *bars,
        f'<rect class="frame" width="{_SIDE}" height="{_SIDE}"/>',
        f'<line class="ideal" x1="0" y1="{_SIDE}" x2="{_SIDE}" y2="0"/>',
        *dots,
        *_labels(),
        "</g>",
    ]
    return "\n".join(parts)


def _bar(held: Mapping[str, Any]) -> str:
    x, wide = held["from"] * _SIDE, (held["to"] - held["from"]) * _SIDE
    high = held["right"] * _SIDE
    return f'<rect class="bar" x="{x:.1f}" y="{_SIDE - high:.1f}" width="{wide:.1f}" height="{high:.1f}"/>'


def _dot(held: Mapping[str, Any], most: int) -> str:
    radius = 2 + 4 * (held["alerts"] / most) ** 0.5
    x, y = held["mean_confidence"] * _SIDE, (1 - held["right"]) * _SIDE
    return (
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">'
        f"<title>{held['alerts']} alerts</title></circle>"
    )


def _labels() -> list[str]:
    ticks: list[str] = []
    for value in (0.0, 0.5, 1.0):
        at = value * _SIDE
        ticks.append(f'<text x="{at:.0f}" y="{_SIDE + 16}" text-anchor="middle">{value}</text>')
        ticks.append(f'<text x="-6" y="{_SIDE - at + 4:.0f}" text-anchor="end">{value}</text>')
    return [*ticks, f'<text x="{_SIDE / 2:.0f}" y="{_SIDE + 34}" text-anchor="middle">confidence</text>']
