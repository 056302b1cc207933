"""Sample posts, the form of a theme, a clock that is set back, and a skip, for tests of several rooms."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import LocalServiceError
from pipeline.local.llama_server import default_model
from pipeline.messages import AnnotatedPost, CheckpointRef, Entity, Origin, Post, Sentiment

_WORD = r"[^\W\d_]+(['’-][^\W\d_]+)*['’]?"
THEME = re.compile(rf"{_WORD}( {_WORD}){{0,2}}")  # what every published theme matches


def annotated(
    text: str, entities: Sequence[str], *, post_id: str = "p1", sentiment: str | None = "negative"
) -> AnnotatedPost:
    """Return a post with these entities, each where its text first occurs."""
    found = [
        Entity(
            text=entity, type="LOC", start=text.index(entity), end=text.index(entity) + len(entity), score=0.9
        )
        for entity in entities
    ]
    return AnnotatedPost(
        post=Post(id=post_id, text=text),
        entities=found,
        sentiment=Sentiment(label=sentiment, score=0.8) if sentiment else None,
        checkpoint=CheckpointRef(name="test", sha256="0" * 64),
        origin=Origin(topic="posts", partition=0, offset=1),
        stages=[],
    )


class ClockSetBack(datetime):
    """A fake of the wall clock that is set back by an hour whenever it is read."""

    num_reads = 0

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        cls.num_reads += 1
        return datetime(2026, 1, 1, tzinfo=UTC) - cls.num_reads * timedelta(hours=1)


def require_llama_cpp() -> None:
    """Skip the test, and say what is missing, if the embedded LLM server cannot run here."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    try:
        default_model()
    except LocalServiceError as error:
        pytest.skip(str(error))
