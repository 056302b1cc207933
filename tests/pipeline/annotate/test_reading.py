"""Records of several posts, and of none, through the agent."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import orjson
import pytest

import pipeline.formats
import tests.pipeline.formats
from models import Annotator
from pipeline.annotate.agent import AnnotateAgent
from pipeline.annotate.language import Languages
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.reading import RecordReader
from pipeline.messages import AnnotatedPost, Origin, ReadAs
from pipeline.messages.codec import decode
from pipeline.messages.dead_letter import from_record, to_replay
from pipeline.messages.record import Outgoing
from pipeline.settings import Settings
from pipeline.topology import ANNOTATE
from tests.pipeline.fakes import FakeAnnotator, FakePublisher, make_outbox, make_record, run_agent


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def metrics() -> AnnotateMetrics:
    return AnnotateMetrics()


def _agent(publisher: FakePublisher, metrics: AnnotateMetrics, **settings: object) -> AnnotateAgent:
    reader = RecordReader(Settings.model_validate(settings), metrics)
    outbox = make_outbox(publisher, metrics, ANNOTATE)
    return AnnotateAgent(
        cast(Annotator, FakeAnnotator()), outbox, metrics, reader=reader, languages=Languages(None)
    )


_ITEMS: list[object] = [
    {"id": "a", "text": "Fire in Athens"},
    {"id": "b"},
    {"id": "c", "text": "refuse this"},
    {"op": "d", "before": {"id": "d", "text": "x"}, "after": None, "source": {"table": "posts"}},
    {"id": "e", "text": "hello"},
]


async def test_every_post_of_a_record_has_its_own_outcome(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """In order, each with its index; a dead letter has the bytes of its item alone, and names the index too."""
    records = [
        make_record(orjson.dumps(_ITEMS), offset=4, key=b"k"),
        make_record(b'{"id": "z", "text": "last"}', offset=5),
    ]
    assert await run_agent(_agent(publisher, metrics), records) == records
    topics = [out.topic for out in publisher.published]
    assert topics == ["annotated", "dead", "dead", "annotated", "annotated"]
    first, bad, refused, second, _ = publisher.published
    for out, post_id, index in ((first, "a", 0), (second, "e", 4)):
        annotated = decode(out.value, AnnotatedPost, max_bytes=10_000)
        assert annotated.post.id == post_id
        assert annotated.origin == Origin(topic="posts", partition=0, offset=4, index=index)
        assert annotated.read_as == ReadAs(format="tocsin", envelopes=["list"])
    letters = [
        from_record(replace(records[0], value=out.value, headers=tuple(out.headers)))
        for out in (bad, refused)
    ]
    assert [(letter.stage, letter.origin.index) for letter in letters] == [("decode", 1), ("annotate", 2)]
    assert [orjson.loads(letter.value or b"") for letter in letters] == _ITEMS[1:3]
    value = metrics.registry.get_sample_value
    assert value("tocsin_posts_read_total", {"format": "tocsin"}) == 4
    assert value("tocsin_envelopes_opened_total", {"envelope": "list"}) == 3
    assert value("tocsin_deletions_total") == 1
    assert value("tocsin_posts_annotated_total") == 3
    assert value("tocsin_posts_received_total", {"agent": "annotate"}) == 2
    assert value("tocsin_posts_in_flight") == 0


async def test_a_replayed_item_is_tried_alone(metrics: AnnotateMetrics) -> None:
    """Its dead letter, put back, gives one outcome, whatever format the agent's settings name."""
    publisher = FakePublisher()
    agent = _agent(publisher, metrics)
    await run_agent(agent, [make_record(orjson.dumps(_ITEMS), offset=4)])
    publisher.published, letters = (
        [],
        [
            from_record(make_record(out.value, headers=out.headers))
            for out in publisher.published
            if out.topic == "dead"
        ],
    )
    again = [to_replay(letter) for letter in letters]
    records = [make_record(out.value, offset=9 + n, headers=out.headers) for n, out in enumerate(again)]
    strict = _agent(publisher, metrics, post_format="x-v2")
    for tried in (agent, strict):
        publisher.published = []
        assert await run_agent(tried, records) == records
        failed = [from_record(make_record(out.value, headers=out.headers)) for out in publisher.published]
        assert [(letter.attempt, letter.first_origin.index, letter.origin.index) for letter in failed] == [
            (2, 1, None),
            (2, 2, None),
        ]
        assert [letter.value for letter in failed] == [letter.value for letter in letters]
    assert failed[1].reason == "unannotatable"  # it was read in our own form, as its header says


async def test_a_record_without_a_post_is_finished_and_has_no_outcome(
    publisher: FakePublisher, metrics: AnnotateMetrics
) -> None:
    """The deletion of a row, and an empty list: as with a tombstone there is nothing to publish."""
    records = [make_record(orjson.dumps(value), offset=n) for n, value in enumerate((_ITEMS[3], []))]
    assert await run_agent(_agent(publisher, metrics), records) == records
    assert publisher.published == []
    value = metrics.registry.get_sample_value
    assert value("tocsin_deletions_total") == 1
    assert value("tocsin_items_skipped_total", {"what": "nothing"}) == 1


class Slow(FakePublisher):
    """A fake whose broker acknowledges a slice, and is then told to stop."""

    def __init__(self, stopping: asyncio.Event) -> None:
        super().__init__()
        self.slices: list[int] = []
        self._stopping = stopping

    async def publish(self, records: Sequence[Outgoing]) -> int:
        self.slices.append(len(records))
        self._stopping.set()
        return await super().publish(records)


async def test_a_record_of_a_thousand_posts_is_worked_on_in_slices(metrics: AnnotateMetrics) -> None:
    """Stopped in between it is not finished, so it comes again as a whole; undisturbed it is finished at the end."""
    posts = [{"id": f"{record} {n}", "text": "Fire in Athens"} for record in range(2) for n in range(800)]
    records = [
        make_record(orjson.dumps(posts[:800]), offset=0),
        make_record(orjson.dumps(posts[800:]), offset=1),
    ]
    stopping = asyncio.Event()
    slow = Slow(stopping)
    assert (
        await run_agent(_agent(slow, metrics, max_post_bytes=100_000), records, stopping=stopping)
        == records[:1]
    )
    assert slow.slices == [1_000]
    publisher = FakePublisher()
    assert await run_agent(_agent(publisher, metrics, max_post_bytes=100_000), records) == records
    assert [out.key for out in publisher.published] == [str(post["id"]).encode() for post in posts]
    assert metrics.registry.get_sample_value("tocsin_posts_in_flight") == 0


async def test_only_the_post_whose_outcome_is_too_large_becomes_a_dead_letter(
    metrics: AnnotateMetrics,
) -> None:
    """The others of its record are annotated, and the record is finished."""

    class Refusing(FakePublisher):
        async def publish(self, records: Sequence[Outgoing]) -> int:
            sent = [r.fallback() if r.fallback and r.key == b"e" else r for r in records]
            return await super().publish(sent)

    publisher = Refusing()
    record = make_record(orjson.dumps([_ITEMS[0], _ITEMS[4]]), offset=4)
    assert await run_agent(_agent(publisher, metrics), [record]) == [record]
    good, dead = publisher.published
    assert (good.topic, dead.topic, dead.value) == ("annotated", "dead", b'{"id":"e","text":"hello"}')
    assert dict(dead.headers)["tocsin-index"] == b"1"


def test_every_code_of_the_formats_has_its_series_from_the_start(metrics: AnnotateMetrics) -> None:
    """What stands in the code of the formats, and what the samples of all formats give."""
    formats = Path(pipeline.formats.__file__).parent
    codes = {
        code for file in formats.rglob("*.py") for code in re.findall(r'Skipped\("(\w+)"', file.read_text())
    }
    before = {(s.name, *s.labels.values()) for family in metrics.registry.collect() for s in family.samples}
    assert {("tocsin_items_skipped_total", code) for code in codes} <= before
    reader = RecordReader(Settings(max_post_bytes=900_000), metrics)
    samples = sorted(Path(tests.pipeline.formats.__file__).parent.joinpath("samples").glob("*.*"))
    for file in samples:
        for value in file.read_bytes().splitlines() if file.suffix == ".jsonl" else [file.read_bytes()]:
            reader.read(make_record(value))
    after = {(s.name, *s.labels.values()) for family in metrics.registry.collect() for s in family.samples}
    assert after == before
