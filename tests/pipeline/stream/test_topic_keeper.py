"""Topics made again."""

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.stream.topic_keeper import TopicKeeper


async def test_topics_are_made_only_once_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attempt is made before a topic is noted as missing, then one, and another after a failure and a pause."""
    monkeypatch.setattr("pipeline.stream.topic_keeper._PAUSE_SECONDS", 0.0)
    attempts: list[None] = []

    async def make_topics() -> None:
        attempts.append(None)
        if len(attempts) == 1:
            raise BrokerUnavailableError("away")

    keeper = TopicKeeper(make_topics)
    assert not await keeper.remake_missing()
    keeper.note_missing()
    assert not await keeper.remake_missing()
    assert await keeper.remake_missing()
    assert not await keeper.remake_missing()
    assert len(attempts) == 2


async def test_attempts_are_some_seconds_apart() -> None:
    """If a topic is noted as missing again and again, the next attempt still waits."""
    attempts: list[None] = []

    async def make_topics() -> None:
        attempts.append(None)

    keeper = TopicKeeper(make_topics)
    for _ in range(5):
        keeper.note_missing()
        await keeper.remake_missing()
    assert len(attempts) == 1
