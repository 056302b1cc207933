from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidMessageError, UndecodableError
from pipeline.messages import Origin, Post
from pipeline.messages.dead_letter import (
    DeadLetter,
    decode_or_dead_letter,
    from_record,
    replay_headers,
    show_origin,
    to_dead_letter,
    to_outgoing,
    to_replay,
)
from pipeline.messages.record import Outgoing, Record
from pipeline.outcomes.outcome import read_outcome
from pipeline.settings import Settings
from tests.pipeline.fakes import make_record


@given(value=st.none() | st.binary(), key=st.none() | st.binary(), message=st.text())
def test_a_dead_letter_keeps_the_record_and_says_why(
    value: bytes | None, key: bytes | None, message: str
) -> None:
    """Written to the topic and read back it is the same: original bytes, headers, and the reason."""
    message = message.encode(errors="replace").decode()
    record = make_record(value, offset=5, key=key)
    letter = to_dead_letter(record, UndecodableError(message), stage="decode")
    sent = to_outgoing(letter, "posts.dead")
    on_topic = Record("posts.dead", 0, 0, record.timestamp, sent.key, sent.value, tuple(sent.headers))
    assert from_record(on_topic) == letter
    assert (letter.value, letter.key, letter.headers) == (value, key, [("trace", b"\xff\x00")])
    assert (letter.stage, letter.reason, letter.message, letter.origin.offset) == (
        "decode",
        "undecodable",
        message,
        5,
    )


@pytest.mark.parametrize(
    ("first_origin", "index", "found"),
    [
        (b"posts/0/3", None, "posts/0/3"),
        (b"posts/0/3", 2, "posts/0/3/2"),
        (b"posts/0/3/1", None, "posts/0/3/1"),
        (b"posts/0/3/1", 2, "posts/0/5/2"),
    ],
)
def test_a_part_of_a_record_keeps_its_place_through_replays(
    first_origin: bytes, index: int | None, found: str
) -> None:
    """Each post of a replayed record is told from the others, and so it is in the headers for the next agent."""
    headers = [("tocsin-attempt", b"2"), ("tocsin-first-origin", first_origin)]
    part = replace(make_record(b"x", offset=5, headers=headers), index=index)
    letter = to_dead_letter(part, UndecodableError("bad"), stage="decode")
    assert show_origin(letter.first_origin) == found
    assert letter.origin == Origin(topic="posts", partition=0, offset=5, index=index)
    sent = to_outgoing(letter, "posts.dead")
    assert dict(sent.headers).get("tocsin-index") == (None if index is None else b"%d" % index)
    assert from_record(replace(part, headers=tuple(sent.headers))) == letter
    assert dict(replay_headers(part))["tocsin-first-origin"] == found.encode()


def test_the_name_of_a_posts_format_stays_with_its_record() -> None:
    """A post of several is replayed in our own form, and this header says so."""
    record = make_record(b"x", headers=[("tocsin-format", b"x-v2"), ("tocsin-other", b"x")])
    letter = to_dead_letter(record, UndecodableError("bad"), stage="decode")
    assert letter.headers == [("tocsin-format", b"x-v2")]
    again = to_replay(letter)
    assert ("tocsin-format", b"x-v2") in again.headers
    assert (
        from_record(make_record(b"x", headers=to_outgoing(letter, "posts.dead").headers)).headers
        == letter.headers
    )


def test_a_letter_too_large_for_the_broker_still_holds_the_records_position() -> None:
    """It is cut to the trace and our headers, with a message of bounded length; cut again, to our headers alone."""
    trace = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    headers = [("source", b"x" * 100_000), trace]
    record = make_record(b"x" * 2_000_000, offset=5, key=b"k", headers=headers)
    letter = to_dead_letter(record, UndecodableError("y" * 5_000), stage="decode")
    cut = _fallback_of(to_outgoing(letter, "posts.dead"))
    assert (cut.key, cut.value, cut.headers[0]) == (None, None, trace)
    assert dict(cut.headers)["tocsin-offset"] == b"5"
    assert dict(cut.headers)["tocsin-cut"] == b"too large for the broker"
    least = _fallback_of(cut)
    assert [trace, *least.headers] == list(cut.headers)
    assert least.fallback is None
    assert sum(len(name) + len(value or b"") for name, value in least.headers) < 2_000
    on_topic = Record("posts.dead", 0, 0, record.timestamp, cut.key, cut.value, tuple(cut.headers))
    assert (from_record(on_topic).is_cut, from_record(on_topic).headers) == (True, [trace])


def _fallback_of(outgoing: Outgoing) -> Outgoing:
    assert outgoing.fallback is not None
    return outgoing.fallback()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tocsin-first-origin", b"p/" + b"9" * 5_000 + b"/0"),
        ("tocsin-first-origin", b"p/" + b"9" * 30 + b"/0"),
        ("tocsin-first-origin", b"p/1/1/x"),
        ("tocsin-first-origin", b"p/1/1/"),
        ("tocsin-first-origin", b"p/1/1/1/1"),
        ("tocsin-first-origin", b"p/1"),
        ("tocsin-first-origin", "p/٣/0".encode()),
        ("tocsin-first-origin", b"\xff"),
        ("tocsin-timestamp", b"2024-01-01T00:00:00"),
        ("tocsin-timestamp", b"yesterday"),
        ("tocsin-attempt", b"9" * 5_000),
    ],
)
def test_forged_headers_of_a_replayed_record_are_ignored(name: str, text: bytes) -> None:
    """A record may claim that it was replayed; its letter holds what is known of the record."""
    record = replace(make_record(b"x", offset=5), headers=(("tocsin-attempt", b"2"), (name, text)))
    letter = to_dead_letter(record, UndecodableError("bad"), stage="decode")
    assert letter.first_origin == letter.origin
    assert letter.timestamp == record.timestamp
    assert replay_headers(record) in ([], list(record.headers))
    sent = to_outgoing(letter, "posts.dead")
    on_topic = Record("posts.dead", 0, 0, record.timestamp, sent.key, sent.value, tuple(sent.headers))
    assert from_record(on_topic) == letter


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "tocsin-timestamp",
            b"2024-01-01T00:00:00",
        ),  # without a time zone it cannot be ordered among the others
        ("tocsin-timestamp", b"yesterday"),
        ("tocsin-timestamp", b"\xff"),
        ("tocsin-offset", b"9" * 30),
        ("tocsin-offset", b"-1"),
        ("tocsin-partition", b"9" * 30),
        ("tocsin-partition", "\u0663".encode()),
    ],
)
def test_a_letter_with_a_forged_position_or_time_is_refused(name: str, text: bytes) -> None:
    """`tocsin dead` skips such a record."""
    with pytest.raises(InvalidMessageError, match="not a dead letter of ours"):
        read_outcome(_forged(name, text), Settings())


@pytest.mark.parametrize(
    ("text", "attempt"),
    [(b"-3", 1), (b"0", 1), (b"9" * 30, 1), (b"x", 1), (b"9999999", 1_000_000), (b"7", 7)],
)
def test_a_forged_attempt_of_a_letter_is_bounded(text: bytes, attempt: int) -> None:
    """The attempt can be counted up and written as JSON."""
    letter = from_record(_forged("tocsin-attempt", text))
    assert letter.attempt == attempt
    msgspec.json.encode(letter)


def _forged(name: str, text: bytes) -> Record:
    letter = to_dead_letter(make_record(b"x"), UndecodableError("bad"), stage="decode")
    sent = to_outgoing(letter, "posts.dead")
    assert name in dict(sent.headers)
    headers = tuple((own, text if own == name else value) for own, value in sent.headers)
    return Record("posts.dead", 0, 0, letter.timestamp, sent.key, sent.value, headers)


def test_depth_hidden_by_a_repeated_key_becomes_a_dead_letter() -> None:
    """The decoded document shows the last of two equal keys, but another reader of the bytes may run out of stack."""
    value = b'{"id": "1", "text": "x", "metadata": ' + b"[" * 1_020 + b"]" * 1_020 + b', "metadata": {}}'
    letter = decode_or_dead_letter(make_record(value), Post, max_bytes=10_000)
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.reason, letter.value) == ("decode", "undecodable", value)


def test_a_defect_of_ours_ends_in_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever error the decoder raises, the agent goes on."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.messages.dead_letter.decode", fail)
    letter = decode_or_dead_letter(make_record(b"{}"), Post, max_bytes=10_000)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.message) == ("internal", "MemoryError while decoding")
