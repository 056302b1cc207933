"""The alert report: JSON for machines, Markdown for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from training.alert_eval.matching import SIMILARITY_MODEL, SIMILARITY_THRESHOLD
from training.alert_eval.rows import EXPLAINED

_COLUMNS = {
    "setting": "row and entities",
    "num_posts": "posts",
    "num_alerts": "alerts",
    "well_formed": "well formed",
    "entity_in_text": "entity in text",
    "entity_hit": "entity",
    "entity_hit_all": "entity, all due",
    "theme_head": "theme head",
    "theme_exact": "theme exact",
    "theme_similar": "theme similar",
    "right_alert": "right alert, all due",
    "abstention_precision": "abstention P",
    "abstention_recall": "R",
    "abstention_f1": "F1",
    "injected": "injected",
    "date_themes": "date themes",
    "flip_rate": "flips",
    "tokens_a_post": "tokens/post",
    "llm_seconds_a_post": "LLM s/post",
}
_NOTES = f"""\
Entity and theme columns are shares of the alertable posts that got an alert; "all due" counts a missing alert as a
miss. "well formed", "entity in text" and "date themes" are shares of the published alerts, by this report's strict
rules; "injected" is the share of posts with an order in them that was obeyed; "flips" the share of alerts that
changed under another seed. "theme similar": cosine of at least {SIMILARITY_THRESHOLD} to an acceptable theme, by
{SIMILARITY_MODEL}; empty if that is not installed. Tokens are the LLM server's count (if n > 1, llama.cpp counts
the completion of one sample only). Seconds are wall time on a machine that may have been busy: compare them within
one run alone."""


def write_report(folder: Path, about: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> None:
    """Write `alerts.json` and `alerts.md` into the folder, made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {**about, "rows": rows}
    (folder / "alerts.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    (folder / "alerts.md").write_text(to_markdown(about, rows), encoding="utf-8")


def to_markdown(about: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> str:
    """Return the report as one page."""
    head = [f"- {name}: {value}" for name, value in about.items()]
    legend = [f"- `{name}`: {words}" for name, words in EXPLAINED.items()]
    table = [_line(list(_COLUMNS.values())), _line(["---"] * len(_COLUMNS))]
    table += [_line([_cell(row.get(key)) for key in _COLUMNS]) for row in rows]
    parts = ["# Alerts", "\n".join(head), "\n".join(table), _NOTES, "\n".join(legend)]
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "·")
