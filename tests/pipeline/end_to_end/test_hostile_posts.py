"""What strangers send: every record comes to an outcome, and a post decides nothing but that it is annotated."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Sequence
from functools import cache

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import DEFAULT_CHECKPOINT, Annotator
from models.prompts.prompt import ChatMessage, Verdict, load_prompt
from pipeline.alert.generator import AlertGenerator, AlertOptions
from pipeline.annotate.agent import AnnotateAgent
from pipeline.annotate.language import Languages
from pipeline.annotate.metrics import AnnotateMetrics
from pipeline.annotate.reading import RecordReader
from pipeline.errors import RecordError
from pipeline.formats.format import ReadPost
from pipeline.formats.reader import PostReader
from pipeline.llm.answers import Choice, Sample
from pipeline.messages import MAX_ENTITIES, Abstention, Alert, AnnotatedPost, Post
from pipeline.messages.codec import decode, encode
from pipeline.outcomes.render import render_outcome
from pipeline.printable import json_line
from pipeline.settings import Settings
from pipeline.stream.outbox import Outbox
from pipeline.topology import ANNOTATE
from tests.pipeline.fakes import FakePublisher, make_record, run_agent
from tests.pipeline.hostile_posts import GOOD, INSTRUCTIONS, MAX_BYTES, MENDED, RECORDS, post
from tests.pipeline.samples import THEME, annotated

# Far above what any of them takes, even on a busy machine.
_MAX_CPU_SECONDS = 20
_READER = PostReader.of(Settings(max_post_bytes=MAX_BYTES))
_TEMPLATE = load_prompt("candidate-v1").turn


@cache
def _annotator() -> Annotator:
    return Annotator.from_checkpoint(DEFAULT_CHECKPOINT, device="cpu")


async def _annotate(*values: bytes | None) -> FakePublisher:
    publisher, metrics = FakePublisher(), AnnotateMetrics()
    settings = Settings(max_post_bytes=MAX_BYTES)
    outbox = Outbox(publisher, metrics, role=ANNOTATE, settings=settings)
    reader, languages = RecordReader(settings, metrics), Languages(settings.wanted_languages)
    agent = AnnotateAgent(_annotator(), outbox, metrics, reader=reader, languages=languages)
    records = [make_record(value, offset=offset) for offset, value in enumerate(values)]
    assert await run_agent(agent, records) == records
    return publisher


class ObedientLlm:
    """A fake LLM that obeys the post: it answers with every line of the post, and worse."""

    model = "obedient"

    def __init__(self, text: str, entities: Sequence[str]) -> None:
        self.prompts: list[str] = []
        self._answers = [*text.splitlines(), text]
        themes = [
            "Stock crash",
            "Evacuate now",
            "<b>Fire</b>",
            "\x1b[2JFire",
            "Fi\u200bre",
            text[:100],
            "Feuer",
            "火事",
        ]
        self._answers += [f"{theme}: {entity}" for theme in themes for entity in ["Acme Corp", *entities]]

    async def sample(self, messages: Sequence[ChatMessage], **options: object) -> list[Sample]:
        self.prompts.append(messages[-1]["content"])
        return [Sample(answer) for answer in self._answers]

    async def judge(
        self, chats: Sequence[Sequence[ChatMessage]], verdict: Verdict, **options: object
    ) -> list[float | None]:
        self.prompts += [chat[-1]["content"] for chat in chats]
        return [1.0] * len(chats)

    async def choose(self, messages: Sequence[ChatMessage], num_options: int, **options: object) -> Choice:
        self.prompts.append(messages[-1]["content"])
        return Choice("", num_options - 2)  # the last before "none of these"


async def _alert(annotated_post: AnnotatedPost) -> tuple[Alert | Abstention, ObedientLlm]:
    llm = ObedientLlm(annotated_post.post.text, [entity.text for entity in annotated_post.entities])
    generator = AlertGenerator(llm, AlertOptions(num_samples=8, temperature=0.7, max_tokens=24))
    return (await generator.generate(annotated_post)).outcome, llm


def _check_outcome(outcome: Alert | Abstention, source: AnnotatedPost) -> None:
    if isinstance(outcome, Alert):
        assert THEME.fullmatch(outcome.theme)
        assert source.post.text[outcome.entity_start : outcome.entity_end] == outcome.entity
        assert outcome.entity in {entity.text for entity in source.entities}
        assert len(outcome.alert.splitlines()) == 1
    assert decode(encode(outcome), type(outcome), max_bytes=2**20) == outcome
    assert orjson.loads(encode(outcome))["post"] == orjson.loads(encode(source.post))
    for shown in (*render_outcome(outcome).plain.split("\n"), json_line(orjson.loads(encode(outcome)))):
        assert not {unicodedata.category(c) for c in shown if c != "\u200d"} & {"Cc", "Cf", "Zl", "Zp"}


def _check_prompt(prompt: str) -> None:
    """The post is one line between its tags; nothing in it looks like a tag or a special token of a chat template."""
    lines = prompt.splitlines()
    assert len(lines) == len(_TEMPLATE.splitlines())
    assert re.sub(r"[^<>]", "", unicodedata.normalize("NFKD", prompt)) == re.sub(r"[^<>]", "", _TEMPLATE)
    assert re.fullmatch(r"<post>[^<>]*</post>", lines[0])
    assert [line.partition(":")[0] for line in lines[1:]] == ["Entities", "Sentiment", "Alert"]
    assert len(prompt.encode()) < 4_000


@pytest.mark.parametrize("name", RECORDS)
async def test_every_record_comes_to_the_outcome_that_it_should(name: str) -> None:
    """A good post is annotated; any other is a dead letter with its exact bytes and the reason; neither takes long."""
    value, reason = RECORDS[name]
    _annotator()
    began = time.process_time()
    published = (await _annotate(value)).published[0]
    assert time.process_time() - began < _MAX_CPU_SECONDS
    if reason in (GOOD, MENDED):
        assert published.topic == "posts.annotated"
        source = decode(published.value, AnnotatedPost, max_bytes=2**20)
        [read] = _READER.read(value)
        assert isinstance(read, ReadPost)
        assert (source.post, source.read_as) == (read.post, read.read_as)
        assert len(source.entities) <= MAX_ENTITIES
        outcome, _ = await _alert(source)
        _check_outcome(outcome, source)
    else:
        assert published.topic == "posts.dead"
        assert published.value == value
        assert dict(published.headers)["tocsin-reason"] == reason.encode()


async def test_hostile_records_do_not_affect_the_posts_around_them() -> None:
    """In one batch with a good post between each two hostile records, every good post is annotated."""
    good = post("Fire in Athens")
    values = [item for value, _ in RECORDS.values() for item in (good, value)]
    published = (await _annotate(*values)).published
    assert len(published) == len(values)
    assert {record.topic for record in published[::2]} == {"posts.annotated"}


@pytest.mark.parametrize("name", INSTRUCTIONS)
async def test_an_obedient_llm_names_nothing_that_the_network_did_not_find(name: str) -> None:
    """Whatever the post orders, an alert has a theme of words and an entity of the post."""
    text = INSTRUCTIONS[name]
    for source in (annotated(text, ["Athens"] if "Athens" in text else [text[:20]]), annotated(text, [text])):
        outcome, llm = await _alert(source)
        _check_outcome(outcome, source)
        if isinstance(outcome, Alert):
            assert "Acme" not in outcome.theme
        _check_prompt(llm.prompts[0])


_PARTS = [
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u", b"\\ud800", b"\x00", b"\xff", b"\xed\xa0\x80", b"null",
    b"1e999", b"-0", b"18446744073709551616", b"9" * 30, b'"id":"2",', b'"text":', b'"metadata":', b"[" * 40, b" \n",
]  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A post with some pieces cut out, doubled, or put in."""
    value = bytearray(draw(st.sampled_from([v for v, _ in RECORDS.values() if len(v) < 300])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(value)))
        end = min(len(value), start + draw(st.integers(0, 20)))
        put_in = draw(st.sampled_from(_PARTS) | st.binary(max_size=4) | st.just(bytes(value[start:end]) * 2))
        value[start:end] = put_in
    return bytes(value)


@given(_mutated() | st.binary(max_size=300))
def test_any_bytes_are_posts_or_a_named_error(value: bytes) -> None:
    """A post that is accepted can be encoded and read again unchanged; all other bytes raise a `RecordError`."""
    try:
        readings = _READER.read(value)
    except RecordError:
        return
    for taken in readings:
        if isinstance(taken, ReadPost):
            assert decode(encode(taken.post), Post, max_bytes=10 * MAX_BYTES) == taken.post
