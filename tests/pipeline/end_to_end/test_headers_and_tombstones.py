"""Headers, deletions and edits through both agents as processes: from `posts` to every topic where a post can end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.cli.watch import run_watch
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.messages import Abstention, Alert
from pipeline.messages.headers import MAX_HEADERS
from pipeline.messages.record import Outgoing, Record
from pipeline.outcomes.dead_letters import LetterQuery, find_letters, replay
from pipeline.outcomes.outcome import outcome_topics, read_outcome
from pipeline.settings import Settings
from tests.pipeline.agent_process import AgentProcess, running, until, until_logged
from tests.pipeline.kafka.brokers import APACHE, BrokerKind
from tests.pipeline.llm.fake_llm import FakeLlm, answering

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_TRACE = [
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", b"a=1"),
    ("tracestate", b"b=2"),
    ("baggage", b"desk=crisis"),
]
_HEADERS = [("source", b"first"), *_TRACE, ("secret", b"x"), ("source", None)]
_CARRIED = [*_TRACE, ("source", b"first"), ("source", None)]


async def _send(settings: Settings, *records: Outgoing) -> None:
    publisher = await Publisher.connect(Cluster.of(settings))
    await publisher.publish(records)
    await publisher.close()


def _post(post_id: str, text: str) -> Outgoing:
    value = orjson.dumps({"id": post_id, "text": text})
    return Outgoing("posts", post_id.encode(), value, _HEADERS)


async def _ends(settings: Settings, number: int) -> list[Record]:
    """Return this many records of the topics on which posts end."""
    async with (
        asyncio.timeout(90),
        follow(Cluster(settings.brokers), outcome_topics(settings), from_beginning=True) as records,
    ):
        return [await anext(records) for _ in range(number)]


def _own(record: Record) -> list[tuple[str, bytes | None]]:
    return [header for header in record.headers if not header[0].startswith("tocsin-")]


def _metric(agent: AgentProcess, series: str) -> float | None:
    with urlopen(f"{agent.url}/metrics") as answer:
        found = re.search(rf"^{re.escape(series)} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else None


async def _compact(settings: Settings, topics: Sequence[str]) -> None:
    """Make the topics compacted ones, on which every record needs a key and null values delete."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    options = {"cleanup.policy": "compact"}
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=options) for topic in topics])
    await admin.close()


async def test_headers_of_a_trace_reach_every_outcome(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """Alert, abstention and replayed dead letter carry them; named headers too, in order and with repeats."""
    async with broker_kind.running() as settings, FakeLlm(answering("Fire: Athens")) as llm:
        await ensure_topics(settings)
        annotate, alert = _agents(tmp_path, settings, llm, carry_headers="source")
        async with running(annotate, alert):
            bad = Outgoing("posts", b"bad", b"{", _HEADERS)
            good = [_post("news", "Big fire in Athens on Monday"), _post("chat", "so tired today")]
            flood = [("source", b"%d" % number) for number in range(10_000)]
            good.append(replace(_post("flood", "so tired today"), headers=[*flood, *_TRACE]))
            await _send(settings, *good, bad)
            ends = {record.key: record for record in await _ends(settings, 4)}
            assert {key: _own(record) for key, record in ends.items()} == {
                b"news": _CARRIED,
                b"chat": _CARRIED,
                b"flood": [*_TRACE, *flood[:MAX_HEADERS]],
                b"bad": _HEADERS,
            }
            (filed,) = await find_letters(settings, LetterQuery())
            await replay([filed.letter], settings)
            letters = [record for record in await _ends(settings, 5) if record.topic == settings.topic_dead]
            assert [(record.key, _own(record)) for record in letters] == [(b"bad", _HEADERS)] * 2
            assert {dict(record.headers)["tocsin-attempt"] for record in letters} == {b"1", b"2"}


@pytest.mark.kafka
async def test_deletions_on_compacted_topics_are_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Agents count them, `watch` skips them, and a post whose alert was deleted gets another if it comes again."""
    async with APACHE.running() as running_broker, FakeLlm(answering("Fire: Athens")) as llm:
        settings = running_broker.model_copy(update={"topic_partitions": 1})
        await _compact(settings, ["posts", "posts.annotated", "alerts"])
        await ensure_topics(settings)
        annotate, alert = _agents(tmp_path, settings, llm)
        async with running(annotate, alert):
            posts = [
                _post("gone", "Big fire in Athens on Monday"),
                _post("kept", "Big fire in Athens on Sunday"),
            ]
            empty = Outgoing("posts", b"empty", b"")
            await _send(settings, posts[0], Outgoing("posts", b"gone", None), empty, posts[1])
            await _send(settings, Outgoing("posts.annotated", b"other", None))
            ends = await _ends(settings, 3)
            assert {(r.key, r.topic) for r in ends} == {
                (b"gone", "alerts"),
                (b"kept", "alerts"),
                (b"empty", "posts.dead"),
            }
            await until(lambda: _metric(annotate, 'tocsin_tombstones_total{agent="annotate"}') == 1)
            await until(lambda: _metric(alert, 'tocsin_tombstones_total{agent="alert"}') == 1)
            lag = 'tocsin_lag{partition="0",topic="posts"}'
            await until(lambda: _metric(annotate, lag) == 0)
        await _send(settings, Outgoing("alerts", b"gone", None))
        again = AgentProcess("alert", tmp_path / "again.log", settings, llm_url=llm.url, alert_group="anew")
        async with running(again):
            await until_logged(again, "3 outcomes of")
            skipped = 'tocsin_posts_skipped_total{reason="alerted"}'
            await until(lambda: _metric(again, skipped) == 1)
            alerts = [record for record in await _ends(settings, 5) if record.topic == "alerts"]
            seen = [(record.key, record.is_tombstone) for record in alerts]
            # In order for each key; keys may lie on different partitions.
            assert [is_gone for key, is_gone in seen if key == b"gone"] == [False, True, False]
            assert [is_gone for key, is_gone in seen if key == b"kept"] == [False]
        await run_watch(settings, as_json=True, from_beginning=True, max_alerts=3)
    shown = capsys.readouterr()
    assert [orjson.loads(line)["post"]["id"] for line in shown.out.splitlines()] == ["gone", "kept", "gone"]
    assert shown.err == ""


async def test_an_edit_with_the_news_gets_the_alert(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """The edit comes after the abstention on the first text, under the same id, and the group may be reset between."""
    async with broker_kind.running() as running_broker, FakeLlm(answering("Fire: Athens")) as llm:
        settings = running_broker.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        annotate, alert = _agents(tmp_path, settings, llm)
        async with running(annotate):
            async with running(alert):
                await _send(settings, _post("p", "so tired today"))
                (abstained,) = await _ends(settings, 1)
            again = AgentProcess(
                "alert", tmp_path / "again.log", settings, llm_url=llm.url, alert_group="anew"
            )
            async with running(again):
                await _send(
                    settings, _post("p", "Big fire in Athens on Monday"), _post("p", "Athens is safe")
                )
                skipped = {reason: f'tocsin_posts_skipped_total{{reason="{reason}"}}' for reason in _REASONS}
                await again.wait_until_ready()
                await until(lambda: _metric(again, skipped["alerted"]) == 1)
                assert _metric(again, skipped["abstained"]) == 1
                alerted = next(r for r in await _ends(settings, 2) if r.topic == "alerts")
        first, second = read_outcome(abstained, settings), read_outcome(alerted, settings)
        assert isinstance(first, Abstention)
        assert isinstance(second, Alert)
        assert first.id == second.id
        assert second.post.text == "Big fire in Athens on Monday"


_REASONS = ("alerted", "abstained")


def _agents(
    folder: Path, settings: Settings, llm: FakeLlm, **options: object
) -> tuple[AgentProcess, AgentProcess]:
    return (
        AgentProcess("annotate", folder / "annotate.log", settings, **options),
        AgentProcess("alert", folder / "alert.log", settings, llm_url=llm.url, **options),
    )
