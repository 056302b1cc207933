"""Posts and outcomes for a terminal. Text of posts is shown and never interpreted: no markup, no control characters."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from rich.text import Text

from pipeline.messages import Abstention, Alert, Post, Sentiment
from pipeline.outcomes.outcome import Outcome
from pipeline.printable import printable

_SENTIMENT_STYLES = {"negative": "red", "positive": "green"}
_MAX_AUTHOR_CHARACTERS = 40
_MAX_TIME_CHARACTERS = 40
_MAX_URL_CHARACTERS = 300  # longer than that of other fields: a link that is cut does not work


def render_outcome(outcome: Outcome, *, received_at: datetime | None = None) -> Text:
    """Return two lines: the outcome, and its post with author and link.

    The time is the post's own. If it gives none, `received_at` is shown after the word "received".
    """
    if isinstance(outcome, Alert):
        return _with_post(_render_alert(outcome, received_at), outcome.post)
    if isinstance(outcome, Abstention):
        line = Text.assemble(
            ("  no alert  ", "dim"),
            _render_time(outcome.post, received_at),
            (outcome.reason, "yellow"),
            (_describe_doubt(outcome), "dim"),
        )
        return _with_post(line, outcome.post)
    line = Text.assemble(
        ("  dead      ", "bold magenta"),
        (f"{printable(outcome.stage)}: ", "magenta"),
        printable(outcome.message),
    )
    return _with_text(line, "", (outcome.value or b"").decode(errors="backslashreplace"))


def _describe_doubt(abstention: Abstention) -> str:
    if abstention.doubted is None:
        return ""
    confidence = "" if abstention.confidence is None else f", confidence {abstention.confidence:.2f}"
    return f"  {printable(abstention.doubted)}{confidence}"


def _render_alert(alert: Alert, received_at: datetime | None) -> Text:
    return Text.assemble(
        ("  ALERT     ", "bold cyan"),
        _render_time(alert.post, received_at),
        (printable(alert.alert), "bold"),
        f"  [{printable(alert.entity_type)}]  sentiment ",
        render_sentiment(alert.sentiment),
        ("  degraded: made without an LLM", "yellow") if alert.degraded else (_describe_choice(alert), "dim"),
    )


def _describe_choice(alert: Alert) -> str:
    provenance = alert.provenance
    confidence = "" if alert.confidence is None else f", confidence {alert.confidence:.2f}"
    samples = f"{provenance.num_valid} valid of {provenance.num_sampled} samples"
    return f"  selection {provenance.selected_by}{confidence}, {samples}"


def render_sentiment(sentiment: Sentiment) -> Text:
    """Return label and probability. The probability is named as in the message."""
    label = printable(sentiment.label)
    return Text(f"{label} (score {sentiment.score:.2f})", _SENTIMENT_STYLES.get(sentiment.label, ""))


def _render_time(post: Post, received_at: datetime | None) -> Text:
    if post.created_at and post.created_at.strip():
        return Text(f"{_readable_time(post.created_at)}  ", "cyan")
    return Text(f"received {_to_minute(received_at)}  " if received_at else "", "cyan")


def _readable_time(text: str) -> str:
    """Return an ISO 8601 time to the minute, in UTC if it has a zone; any other text as it is."""
    with suppress(ValueError, OverflowError):
        if len(text.strip()) >= len("2026-11-30T12:00"):  # a date alone does not mean midnight
            return _to_minute(datetime.fromisoformat(text.strip()))
    return printable(text, max_characters=_MAX_TIME_CHARACTERS)


def _to_minute(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%MZ}" if time.tzinfo else f"{time:%Y-%m-%d %H:%M}"


def _with_post(line: Text, post: Post) -> Text:
    author = printable(post.author or "", max_characters=_MAX_AUTHOR_CHARACTERS)
    url = printable(post.url or "", max_characters=_MAX_URL_CHARACTERS)
    return _with_text(line, f"{author}: " if author else "", post.text).append(
        f"  {url}" if url else "", "blue"
    )


def _with_text(line: Text, before: str, text: str) -> Text:
    return Text.assemble(line, "\n", (f"            {before}{printable(text)}", "dim"))
