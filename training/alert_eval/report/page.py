"""The alert report: JSON for machines, Markdown and a diagram for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from training.alert_eval.matching import SIMILARITY_MODEL, SIMILARITY_THRESHOLD
from training.alert_eval.report.markdown import table
from training.alert_eval.report.reliability import confidence_sections, reliability_svg, with_confidence
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
_TRUTH_COLUMNS = {
    "setting": "row and entities",
    "num_alerts": "alerts",
    "false_share": "false",
    "listed_wrong_share": "listed as wrong",
    "undue_share": "none due",
    "unlisted_share": "unlisted",
    "denied_share": "denials alerted as fact",
    "num_denials": "denials",
    "plea_recall": "pleas alerted rightly",
    "plea_alerted": "pleas alerted",
    "num_pleas": "pleas",
    "right_pair": "right pair, all due",
    "ece": "ECE",
    "num_confident": "with confidence",
    "accuracy_at_80": "right of those from 0.8",
    "alerts_at_80": "from 0.8",
}
_NOTES = f"""\
Entity and theme columns are shares of the alertable posts that got an alert; "all due" counts a missing alert as a
miss. "well formed", "entity in text" and "date themes" are shares of the published alerts, by this report's strict
rules; "injected" is the share of posts with an order in them that was obeyed; "flips" the share of alerts that
changed under another seed. "theme similar": cosine of at least {SIMILARITY_THRESHOLD} to an acceptable theme, by
{SIMILARITY_MODEL}; empty if that is not installed. Tokens are the LLM server's count (if n > 1, llama.cpp counts
the completion of one sample only). Seconds are wall time on a machine that may have been busy: compare them within
one run alone."""
_TRUTH_NOTES = """\
"false" is the share of the published alerts that match a wrong alert listed for their post ("listed as wrong"), or
stand on a post that is due none; one alert may be both. Themes match by head word, and if a right and a wrong alert
match, the nearer one decides. "unlisted" alerts are neither right nor false: the lists are not complete, so the shares
of right alerts are lower bounds. "denials" are posts that list a wrong alert as denied. "pleas" are posts in which
somebody asks for help, by their acceptable themes. "right pair": theme and entity of one acceptable alert. "ECE" is the
expected calibration error in ten bins of equal width, over the alerts with a confidence. A cell is empty if there was
nothing to count."""


def write_report(folder: Path, about: Mapping[str, object], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `alerts.json`, `alerts.md` and, if a row has confidences, `reliability.svg`; makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {**about, "rows": rows}
    (folder / "alerts.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    (folder / "alerts.md").write_text(to_markdown(about, rows), encoding="utf-8")
    if drawn := with_confidence(rows):
        (folder / "reliability.svg").write_text(reliability_svg(drawn), encoding="utf-8")


def to_markdown(about: Mapping[str, object], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the report as one page."""
    head = [f"- {name}: {value}" for name, value in about.items()]
    legend = [f"- `{name}`: {words}" for name, words in EXPLAINED.items()]
    form = [table(_COLUMNS, rows), _NOTES]
    truth = ["## Truth", table(_TRUTH_COLUMNS, rows), _TRUTH_NOTES]
    parts = [
        "# Alerts",
        "\n".join(head),
        *form,
        *truth,
        *confidence_sections(rows),
        "## Rows",
        "\n".join(legend),
    ]
    return "\n\n".join(parts) + "\n"
