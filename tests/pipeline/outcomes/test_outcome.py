import pytest

from pipeline.errors import LlmRefusedError, RecordError, UndecodableError
from pipeline.messages import Origin
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import to_dead_letter, to_outgoing
from pipeline.messages.record import Record
from pipeline.outcomes.outcome import Tally, is_deletion, origin_of, read_outcome, to_json
from pipeline.settings import Settings
from tests.pipeline.fakes import make_abstention, make_alert, make_annotated_post, make_record

_SETTINGS = Settings()


def _on_topic(
    topic: str, value: bytes | None, headers: list[tuple[str, bytes | None]] | None = None
) -> Record:
    record = make_record(value, topic=topic)
    return Record(topic, 0, 0, record.timestamp, None, value, tuple(headers or []))


def test_each_topic_gives_its_kind_of_outcome() -> None:
    """Alerts, abstentions and dead letters are read back as outcomes of their kind."""
    alert, abstention = make_alert(), make_abstention()
    letter = to_dead_letter(make_record(b"{", offset=3), UndecodableError("not JSON"), stage="decode")
    assert read_outcome(_on_topic("alerts", encode(alert)), _SETTINGS) == alert
    assert read_outcome(_on_topic("alerts.abstained", encode(abstention)), _SETTINGS) == abstention
    dead = read_outcome(
        _on_topic("posts.dead", b"{", list(to_outgoing(letter, "posts.dead").headers)), _SETTINGS
    )
    assert dead == letter
    assert [next(iter(to_json(o))) for o in (alert, abstention, dead)] == [
        "alert",
        "abstention",
        "dead_letter",
    ]


def test_a_record_of_another_program_is_a_named_error() -> None:
    """A record on our topics that another program wrote raises an error that readers handle."""
    for record in (_on_topic("alerts", b"hello"), _on_topic("posts.dead", b"hello")):
        with pytest.raises(RecordError):
            read_outcome(record, _SETTINGS)


def test_a_tombstone_is_a_deletion_except_among_dead_letters() -> None:
    """A null value deletes on the topics of alerts and abstentions; an empty one is a record of another program."""
    assert is_deletion(_on_topic("alerts", None), _SETTINGS)
    assert is_deletion(_on_topic("alerts.abstained", None), _SETTINGS)
    assert not is_deletion(_on_topic("alerts", b""), _SETTINGS)
    letter = to_dead_letter(make_record(b"{"), UndecodableError("not JSON"), stage="decode")
    cut = to_outgoing(letter, "posts.dead").fallback
    assert cut is not None
    record = _on_topic("posts.dead", None, list(cut().headers))
    assert not is_deletion(record, _SETTINGS)
    assert read_outcome(record, _SETTINGS)
    with pytest.raises(RecordError):
        read_outcome(_on_topic("posts.dead", None), _SETTINGS)


def test_a_dead_letter_of_the_second_agent_leads_back_to_the_post() -> None:
    """The letter's own record lay on the topic between the agents; the post's place is in the message."""
    annotated = make_annotated_post()
    record = make_record(encode(annotated), topic="posts.annotated", offset=99)
    letter = to_dead_letter(record, LlmRefusedError("too long"), stage="alert")
    assert origin_of(letter, _SETTINGS) == annotated.origin
    unreadable = to_dead_letter(
        make_record(b"?", topic="posts.annotated", offset=99), UndecodableError("?"), stage="decode"
    )
    assert origin_of(unreadable, _SETTINGS) == Origin(topic="posts.annotated", partition=0, offset=99)


def test_a_post_counts_once_however_often_it_is_delivered() -> None:
    """At-least-once delivery may show an outcome twice; the sum still adds up."""
    tally = Tally()
    first, second = (Origin(topic="posts", partition=0, offset=n) for n in range(2))
    assert tally.add(make_alert(), first)
    assert not tally.add(make_alert(), first)
    assert tally.add(make_abstention(), second)
    assert (tally.num_posts, tally.alerts, dict(tally.abstentions)) == (2, 1, {"no_entity": 1})


def test_each_post_of_a_record_counts() -> None:
    """Posts of one record are told apart by their index."""
    tally = Tally()
    for index in (None, 0, 1, 1):
        tally.add(make_abstention(), Origin(topic="posts", partition=0, offset=1, index=index))
    assert tally.num_posts == 3
