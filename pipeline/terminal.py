"""Posts and outcomes on a terminal. Text from posts is shown, never interpreted: no markup, no control characters."""

from __future__ import annotations

import json
import unicodedata

import orjson
from rich.text import Text

from pipeline.messages import Abstention, Alert, Sentiment
from pipeline.outcomes import Outcome

_SENTIMENT_STYLES = {"negative": "red", "positive": "green"}
_MAX_TEXT_CHARACTERS = 160
# Control characters, and those that reorder or hide what follows them.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ZERO_WIDTH_JOINER = "\u200d"  # joins emoji; hides nothing


def escape_unprintable(text: str) -> str:
    """Return the text with everything that a terminal would obey or hide written as an escape."""
    return "".join(
        repr(c)[1:-1] if unicodedata.category(c) in _UNPRINTABLE and c != _ZERO_WIDTH_JOINER else c
        for c in text
    )


def json_line(document: object) -> str:
    """Return the document as one line of JSON that a terminal shows and does not obey; it reads back as it was."""
    # Outside of its strings JSON has no such character, and in them an escape is as good.
    return "".join(
        json.dumps(c)[1:-1] if unicodedata.category(c) in _UNPRINTABLE else c
        for c in orjson.dumps(document).decode()
    )


def printable(text: str, *, max_characters: int = _MAX_TEXT_CHARACTERS) -> str:
    """Return the text on one line, cut, with everything invisible written as an escape."""
    one_line = " ".join(text.split())
    cut = one_line if len(one_line) <= max_characters else one_line[: max_characters - 1] + "…"
    return escape_unprintable(cut)


def render_outcome(outcome: Outcome) -> Text:
    """Return two lines: what came of the post, and the post."""
    if isinstance(outcome, Alert):
        return _render_alert(outcome)
    if isinstance(outcome, Abstention):
        line = Text.assemble(("  no alert  ", "dim"), (outcome.reason, "yellow"))
        return _with_post(line, outcome.post.text)
    line = Text.assemble(
        ("  dead      ", "bold magenta"),
        (f"{printable(outcome.stage)}: ", "magenta"),
        printable(outcome.message),
    )
    return _with_post(line, (outcome.value or b"").decode(errors="backslashreplace"))


def _render_alert(alert: Alert) -> Text:
    provenance = alert.provenance
    line = Text.assemble(
        ("  ALERT     ", "bold cyan"),
        (printable(alert.alert), "bold"),
        f"  [{printable(alert.entity_type)}]  ",
        render_sentiment(alert.sentiment),
        ("  degraded: made without an LLM", "yellow")
        if alert.degraded
        else (f"  {provenance.selected_by}, {provenance.num_valid} valid of {provenance.num_sampled}", "dim"),
    )
    return _with_post(line, alert.post.text)


def render_sentiment(sentiment: Sentiment) -> Text:
    """Return label and probability."""
    label = printable(sentiment.label)
    return Text(f"{label} {sentiment.score:.2f}", _SENTIMENT_STYLES.get(sentiment.label, ""))


def _with_post(line: Text, text: str) -> Text:
    return Text.assemble(line, "\n", ("            " + printable(text), "dim"))
