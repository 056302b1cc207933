import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from jsonschema import validate

from pipeline.errors import InvalidMessageError, LlmRefusedError, UndecodableError, UnreplayableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import ensure_topics
from pipeline.messages.dead_letter import (
    attempt_of,
    from_record,
    replay_headers,
    show_origin,
    to_dead_letter,
    to_outgoing,
    to_replay,
)
from pipeline.messages.json_schema import FOLDER
from pipeline.messages.record import Outgoing, Partition, Record
from pipeline.outcomes.dead_letters import LetterQuery, check_replayable, find_letters, replay
from pipeline.settings import Settings
from tests.pipeline.fakes import make_record
from tests.pipeline.kafka.brokers import BrokerKind

_SETTINGS = Settings()
_HEADERS = (("trace", b"\xff\x00"), ("trace", b"again"))


def _record(out: Outgoing, *, offset: int = 0) -> Record:
    record = make_record(out.value, topic=out.topic, key=out.key, offset=offset)
    return Record(record.topic, 0, offset, record.timestamp, record.key, record.value, tuple(out.headers))


def test_a_replayed_record_is_the_one_that_failed_with_its_attempt() -> None:
    """Key, bytes and headers are unchanged, on the topic it came from; if it fails again, the attempt is counted up."""
    first = _record(Outgoing("posts", b"k", b"{", _HEADERS), offset=5)
    letter = to_dead_letter(first, UndecodableError("no"), stage="decode")
    again = _record(to_replay(letter), offset=9)
    assert (again.topic, again.key, again.value) == ("posts", b"k", b"{")
    assert again.headers[:2] == _HEADERS
    assert attempt_of(again) == 2
    second = to_dead_letter(again, UndecodableError("no"), stage="decode")
    assert (second.attempt, second.origin.offset, second.first_origin) == (2, 9, letter.origin)
    assert second.timestamp == letter.timestamp
    assert second.headers == list(_HEADERS)
    assert from_record(_record(to_outgoing(second, "posts.dead"))) == second


def test_messages_of_a_replayed_record_carry_its_attempt() -> None:
    """So the second agent's dead letter counts the replays of the first; other records carry no attempt."""
    first = _record(Outgoing("posts", b"k", b"{", _HEADERS))
    assert replay_headers(first) == []
    again = _record(to_replay(to_dead_letter(first, UndecodableError("no"), stage="decode")))
    annotated = _record(Outgoing("posts.annotated", b"k", b"{}", replay_headers(again)), offset=3)
    letter = to_dead_letter(annotated, LlmRefusedError("no"), stage="alert")
    assert (letter.attempt, letter.first_origin.topic) == (2, "posts")


@pytest.mark.parametrize("text", [b"", b"x", b"-1", b"0", b"1e9", b"9" * 30, b"\xff"])
def test_an_invalid_attempt_counts_as_the_first(text: bytes) -> None:
    """Producers can write our headers: nonsense in them breaks nothing."""
    record = Record("posts", 0, 0, make_record(None).timestamp, None, b"{", (("tocsin-attempt", text),))
    assert attempt_of(record) == 1
    assert to_dead_letter(record, UndecodableError("no"), stage="decode").attempt == 1


def test_a_letter_that_cannot_be_replayed_gives_the_reason() -> None:
    """Cut letters, deletions, topics that no agent reads, and records that failed often enough are not replayed."""
    record = _record(Outgoing("posts", b"k", b"{"))
    letter = to_dead_letter(record, UndecodableError("no"), stage="decode")
    check_replayable(letter, _SETTINGS)
    bare = to_outgoing(letter, "posts.dead").fallback
    assert bare is not None
    with pytest.raises(UnreplayableError, match=r"too large for posts\.dead; it may still lie at posts/0/0"):
        check_replayable(from_record(_record(bare())), _SETTINGS)
    deletion = to_dead_letter(_record(Outgoing("posts", b"k", None)), UndecodableError("no"), stage="decode")
    with pytest.raises(UnreplayableError, match="it deletes its key"):
        check_replayable(deletion, _SETTINGS)
    forged = to_dead_letter(_record(Outgoing("strange", b"k", b"{")), UndecodableError("no"), stage="decode")
    with pytest.raises(UnreplayableError, match="'strange' is not one that an agent reads"):
        check_replayable(forged, _SETTINGS)
    for _ in range(4):
        letter = to_dead_letter(_record(to_replay(letter)), UndecodableError("no"), stage="decode")
    with pytest.raises(UnreplayableError, match="failed 5 times, and TOCSIN_DEAD_MAX_ATTEMPTS"):
        check_replayable(letter, _SETTINGS)


@pytest.fixture
async def settings(broker_kind: BrokerKind) -> AsyncIterator[Settings]:
    """A broker with three dead letters, one of them of the second attempt, and a record of another program."""
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        first = to_dead_letter(
            _record(Outgoing("posts", b"a", b"{"), offset=1), UndecodableError("first"), stage="decode"
        )
        second = to_dead_letter(
            _record(to_replay(first), offset=7), UndecodableError("second"), stage="decode"
        )
        other = to_dead_letter(
            _record(Outgoing("posts.annotated", b"b", b'{"\x1b[31m": 1}', _HEADERS), offset=2),
            LlmRefusedError("\x1b[31mred\u009b\u202e"),
            stage="alert",
        )
        publisher = await Publisher.connect(Cluster.of(settings))
        for letter in (first, second, other):
            await publisher.publish([to_outgoing(letter, settings.topic_dead)])
        await publisher.publish([Outgoing(settings.topic_dead, b"a", b"not ours")])
        await publisher.close()
        yield settings


@pytest.mark.e2e
async def test_letters_are_found_once_a_record_and_put_back(settings: Settings) -> None:
    """The last attempt counts, filters hold, and a replayed record lies on its topic with everything it had."""
    every = await find_letters(settings, LetterQuery())
    assert sorted(filed.letter.message for filed in every) == ["\x1b[31mred\u009b\u202e", "second"]
    assert await find_letters(settings, LetterQuery(stage="annotate")) == []
    (refused,) = await find_letters(settings, LetterQuery(reason="llm_refused"))
    assert await find_letters(settings, LetterQuery(position=refused.position)) == [refused]
    await replay([refused.letter], settings)
    async with partition_reader(Cluster.of(settings), ["posts.annotated"]) as reader:
        found = [
            record
            async for records in reader.read({Partition(*place): 0 for place in reader.partitions})
            for record in records
        ]
    (record,) = found
    assert (record.key, record.value, record.headers[:2]) == (b"b", b'{"\x1b[31m": 1}', _HEADERS)
    assert attempt_of(record) == 2


@pytest.mark.e2e
async def test_each_post_of_a_record_has_its_letter(broker_kind: BrokerKind, tmp_path: Path) -> None:
    """The letters of its posts stand for a whole record that was replayed; each is shown, and replayed alone."""
    whole = _record(Outgoing("posts", b"k", b"[...]"), offset=3)
    first = to_dead_letter(whole, UndecodableError("too large"), stage="decode")
    again = _record(to_replay(first), offset=8)
    parts = [replace(again, value=b"%d" % index, index=index) for index in (0, 2)]
    letters = [to_dead_letter(part, InvalidMessageError("no text"), stage="decode") for part in parts]
    assert [show_origin(letter.first_origin) for letter in letters] == ["posts/0/3/0", "posts/0/3/2"]
    assert [show_origin(letter.origin) for letter in letters] == ["posts/0/8/0", "posts/0/8/2"]
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        publisher = await Publisher.connect(Cluster.of(settings))
        for letter in (first, *letters):
            await publisher.publish([to_outgoing(letter, settings.topic_dead)])
        await publisher.close()
        found = await find_letters(settings, LetterQuery())
        assert sorted(filed.letter.value or b"" for filed in found) == [b"0", b"2"]
        (shown,) = [filed for filed in found if filed.letter.value == b"2"]
        listed = (await _dead(settings, tmp_path, "list")).stdout
        assert "attempt 2  index 2" in listed
        page = (await _dead(settings, tmp_path, "show", shown.position)).stdout
        assert "posts/0/8/2" in page
        assert "posts/0/3/2" in page
        (old,) = await find_letters(settings, LetterQuery(position=f"{shown.partition}/0"))
        assert old.letter == first
        await replay([shown.letter], settings)
        async with partition_reader(Cluster.of(settings), ["posts"]) as reader:
            (record,) = [
                record
                async for records in reader.read({Partition(*place): 0 for place in reader.partitions})
                for record in records
            ]
        assert (record.value, dict(record.headers)["tocsin-first-origin"]) == (b"2", b"posts/0/3/2")


@pytest.mark.e2e
async def test_the_command_lists_shows_and_replays(settings: Settings, tmp_path: Path) -> None:
    """Output is for people or programs; no letter controls a terminal; a missing letter is an error of one line."""
    listed = await _dead(settings, tmp_path, "list")
    assert "2 dead letters" in listed.stderr
    assert "decode/undecodable  attempt 2  second" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert r"\x1b[31mred" in listed.stdout
    assert "1 dead letter\n" in (await _dead(settings, tmp_path, "list", "--stage", "alert")).stderr
    as_json = (await _dead(settings, tmp_path, "list", "--stage", "alert", "--json")).stdout
    assert not {"\u009b", "\u202e"} & set(as_json)
    filed = orjson.loads(as_json)
    validate(filed, orjson.loads((FOLDER / "dead_letter.json").read_bytes()))
    assert filed["message"] == "\x1b[31mred\u009b\u202e"
    place = f"{filed['partition']}/{filed['offset']}"
    assert filed["reason"] == "llm_refused"
    assert orjson.loads((await _dead(settings, tmp_path, "show", "--json", place)).stdout) == filed
    shown = (await _dead(settings, tmp_path, "show", place)).stdout
    assert "posts.annotated/0/2" in shown
    assert "\x1b" not in shown
    replayed = await _dead(settings, tmp_path, "replay", place)
    assert (replayed.returncode, replayed.stdout) == (0, "1 record replayed, 0 not\n")
    assert "expected at least one of PARTITION/OFFSET" in (await _dead(settings, tmp_path, "replay")).stderr
    assert "no dead letter at 9/9" in (await _dead(settings, tmp_path, "show", "9/9")).stderr


@pytest.mark.e2e
async def test_a_limit_does_not_count_letters_that_cannot_be_replayed(
    broker_kind: BrokerKind, tmp_path: Path
) -> None:
    """Letters that cannot be replayed do not count. `--after` goes on after those that were replayed."""
    async with broker_kind.running() as settings:
        await ensure_topics(settings)
        origins = [("strange", 1), ("posts", 2), ("posts", 3), ("posts", 4)]
        records = [_record(Outgoing(topic, b"k", b"{"), offset=offset) for topic, offset in origins]
        publisher = await Publisher.connect(Cluster.of(settings))
        letters = [to_dead_letter(record, UndecodableError("no"), stage="decode") for record in records]
        for letter in letters:
            await publisher.publish([to_outgoing(letter, settings.topic_dead)])
        first = await _dead(settings, tmp_path, "replay", "--limit", "1")
        assert first.stdout == "1 record replayed, 1 not\n"
        # It fails again meanwhile.
        again = to_dead_letter(
            _record(to_replay(letters[1]), offset=5), UndecodableError("no"), stage="decode"
        )
        await publisher.publish([to_outgoing(again, settings.topic_dead)])
        await publisher.close()
        (place,) = re.findall(r"to go on: --after (\S+)", first.stderr)
        second = await _dead(settings, tmp_path, "replay", "--limit", "2", "--after", place)
        assert (second.returncode, second.stdout) == (0, "2 records replayed, 0 not\n")
        assert "to go on" not in second.stderr
        async with partition_reader(Cluster.of(settings), ["posts"]) as reader:
            found = [
                dict(record.headers)["tocsin-first-origin"] or b""
                async for batch in reader.read({Partition(*place): 0 for place in reader.partitions})
                for record in batch
            ]
        assert sorted(found) == [b"posts/0/2", b"posts/0/3", b"posts/0/4"]
        missing = await _dead(settings, tmp_path, "replay", "--all", "--after", "9/9")
        assert (missing.returncode, missing.stdout) == (1, "")
        assert "no dead letter at 9/9" in missing.stderr


async def _dead(settings: Settings, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("tocsin")
    idempotence = {"TOCSIN_PRODUCER_IDEMPOTENCE": str(settings.producer_idempotence)}
    # In a thread: the proxy before the embedded broker is in this event loop.
    return await asyncio.to_thread(
        lambda: subprocess.run(
            [program, "dead", *arguments, "--brokers", settings.brokers],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=folder,
            env={"PATH": "", "NO_COLOR": "1", "COLUMNS": "200", **idempotence},
            check=False,
        )
    )
