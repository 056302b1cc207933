"""Records of several posts, and deletions, through both agents as processes: from `posts` to every end of a post."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import pytest

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.dead_letter import DeadLetter, show_origin
from pipeline.messages.record import Outgoing
from pipeline.outcomes.dead_letters import LetterQuery, find_letters, replay
from pipeline.outcomes.outcome import Outcome, origin_of, outcome_topics, read_outcome
from pipeline.settings import Settings
from tests.pipeline.agent_process import AgentProcess, running, until
from tests.pipeline.kafka.brokers import APACHE, kafka_or_skip
from tests.pipeline.llm.fake_llm import FakeLlm, answering

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(240)]


def _change(operation: str, **rows: object) -> dict[str, object]:
    """Return a change event as Debezium writes it."""
    source = {"version": "3.0.0", "connector": "postgresql", "name": "db", "table": "posts", "ts_ms": 1}
    return {"before": None, "after": None, "source": source, "op": operation, "ts_ms": 2} | rows


_LIST = [
    {"id": "news", "text": "Big fire in Athens on Monday"},
    {"id": "bad"},
    _change("c", after={"id": "row", "text": "Big fire in Athens on Sunday"}),
    _change("d", before={"id": "gone", "text": "x"}),
    {"id": "chat", "text": "so tired today"},
]


async def _send(settings: Settings, *values: object) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish([Outgoing("posts", b"key", orjson.dumps(value)) for value in values])
    await publisher.close()


async def _outcomes(settings: Settings, number: int) -> list[Outcome]:
    async with (
        asyncio.timeout(90),
        follow(Cluster.of(settings), outcome_topics(settings), from_beginning=True) as records,
    ):
        return [read_outcome(await anext(records), settings) for _ in range(number)]


def _describe(outcome: Outcome, settings: Settings) -> tuple[str, str]:
    """Return what it is about, and where that lay."""
    name = f"dead {outcome.reason}" if isinstance(outcome, DeadLetter) else outcome.post.id
    return name, show_origin(origin_of(outcome, settings))


def _metric(agent: AgentProcess, series: str) -> float | None:
    with urlopen(f"{agent.url}/metrics") as answer:
        found = re.search(rf"^{re.escape(series)} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else None


async def test_every_post_of_a_record_comes_to_its_own_end(tmp_path: Path) -> None:
    """A list with a bad item and a row's deletion, a deletion alone, and all of it once more: outcomes are exact."""
    kafka_or_skip()
    async with APACHE.running() as broker, FakeLlm(answering("Fire: Athens")) as llm:
        settings = broker.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        annotate = AgentProcess("annotate", tmp_path / "annotate.log", settings)
        alert = AgentProcess("alert", tmp_path / "alert.log", settings, llm_url=llm.url)
        async with running(annotate, alert):
            await _send(settings, _LIST, _change("d", before={"id": "row", "text": "x"}), _LIST[0])
            ends = await _outcomes(settings, 4)
            assert {_describe(outcome, settings) for outcome in ends} == {
                ("news", "posts/0/0/0"),
                ("dead invalid_message", "posts/0/0/1"),
                ("row", "posts/0/0/2"),
                ("chat", "posts/0/0/4"),
            }
            by_id: dict[str, Any] = {
                outcome.post.id: outcome for outcome in ends if not isinstance(outcome, DeadLetter)
            }
            assert by_id["row"].provenance.read_as.envelopes == ["list", "debezium"]
            await _check_metrics(annotate, alert)
            (filed,) = await find_letters(settings, LetterQuery())
            assert filed.letter.value == orjson.dumps(_LIST[1])
            await replay([filed.letter], settings)
            await _send(settings, _LIST)
            again = Counter(_describe(outcome, settings) for outcome in (await _outcomes(settings, 6)))
            # The letter of the replayed item, and that of the list that was sent again: no other outcome is new.
            assert again[("dead invalid_message", "posts/0/3")] == 1
            assert again[("dead invalid_message", "posts/0/4/1")] == 1
            skipped = {
                reason: f'tocsin_posts_skipped_total{{reason="{reason}"}}'
                for reason in ("alerted", "abstained")
            }
            await until(lambda: _metric(alert, skipped["alerted"]) == 3)
            await until(lambda: _metric(alert, skipped["abstained"]) == 1)
            letters = await find_letters(settings, LetterQuery())
            assert {show_origin(found.letter.first_origin): found.letter.attempt for found in letters} == {
                "posts/0/0/1": 2,
                "posts/0/4/1": 1,
            }
            # Every record is finished, those without an outcome too.
            await until(lambda: _metric(annotate, 'tocsin_lag{partition="0",topic="posts"}') == 0)


async def _check_metrics(annotate: AgentProcess, alert: AgentProcess) -> None:
    """The third record repeats a post of the first: it is the only one without an outcome of its own."""
    await until(lambda: _metric(alert, 'tocsin_posts_skipped_total{reason="alerted"}') == 1)
    expected = {
        'tocsin_posts_received_total{agent="annotate"}': 3,
        'tocsin_posts_read_total{format="tocsin"}': 4,
        'tocsin_envelopes_opened_total{envelope="list"}': 3,
        'tocsin_envelopes_opened_total{envelope="debezium"}': 1,
        "tocsin_deletions_total": 2,
        "tocsin_posts_annotated_total": 4,
        'tocsin_dead_letters_total{reason="invalid_message",stage="decode"}': 1,
        'tocsin_tombstones_total{agent="annotate"}': 0,
    }
    assert {series: _metric(annotate, series) for series in expected} == expected
