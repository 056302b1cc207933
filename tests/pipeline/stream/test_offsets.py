import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.messages.record import Partition, Record
from pipeline.stream.offsets import Offsets
from tests.pipeline.fakes import make_record

_PLACE = Partition("posts", 0)


def _in_hand(number: int) -> tuple[list[Record], Offsets]:
    records = [make_record(b"", offset=offset) for offset in range(number)]
    offsets = Offsets()
    offsets.begin(records)
    return records, offsets


@given(number=st.integers(1, 20), num_finished=st.integers(0, 20), seed=st.integers())
def test_a_partition_is_committed_up_to_its_first_unfinished_record(
    number: int, num_finished: int, seed: int
) -> None:
    """Whatever the order in which records are finished, all before the first hole is committed, and nothing past it."""
    records, offsets = _in_hand(number)
    finished = random.Random(seed).sample(records, min(number, num_finished))
    for record in finished:
        offsets.finish(record)
    first_unfinished = min(set(range(number)) - {record.offset for record in finished}, default=number)
    assert offsets.committable() == ({_PLACE: first_unfinished} if first_unfinished else {})


def test_what_is_committed_is_not_committed_again() -> None:
    """Only partitions that got on since are in the next commit."""
    records, offsets = _in_hand(3)
    offsets.finish(records[0])
    offsets.committed(offsets.committable())
    assert offsets.committable() == {}
    offsets.finish(records[1])
    assert offsets.committable() == {_PLACE: 2}


def test_the_next_batch_goes_on_where_the_last_one_ended() -> None:
    """A hole of one batch holds back what a later batch has finished."""
    records, offsets = _in_hand(2)
    later = make_record(b"", offset=2)
    offsets.begin([later])
    offsets.finish(later)
    offsets.finish(records[1])
    assert offsets.committable() == {}
    offsets.finish(records[0])
    assert offsets.committable() == {_PLACE: 3}


def test_what_was_given_back_is_never_committed() -> None:
    """A record that is finished after its partition was taken away counts nowhere: it comes again."""
    records, offsets = _in_hand(2)
    offsets.forget()
    offsets.finish(records[0])
    assert (offsets.committable(), offsets.next_offset(_PLACE)) == ({}, None)


def test_the_same_offset_twice_waits_for_both() -> None:
    """Delivered twice, a record's first outcome does not let the second go."""
    offsets = Offsets()
    records = [make_record(b"", offset=5), make_record(b"", offset=5)]
    offsets.begin(records)
    offsets.finish(records[1])
    assert offsets.committable() == {}
    offsets.finish(records[0])
    assert offsets.committable() == {_PLACE: 6}


def test_offsets_without_a_record_are_passed_once_all_before_them_is_finished() -> None:
    """The markers of transactions, one after another: each is committed past, and none before its turn."""
    records, offsets = _in_hand(2)
    offsets.skip(_PLACE, delivered=2, position=3)
    assert offsets.committable() == {}
    for record in records:
        offsets.finish(record)
    offsets.skip(_PLACE, delivered=2, position=3)
    assert offsets.committable() == {_PLACE: 3}
    offsets.skip(_PLACE, delivered=2, position=6)
    assert offsets.committable() == {_PLACE: 6}


def test_a_record_on_its_way_is_not_passed() -> None:
    """It was handed on and is not in hand yet: the position behind it says nothing."""
    records, offsets = _in_hand(2)
    for record in records:
        offsets.finish(record)
    offsets.skip(_PLACE, delivered=4, position=5)
    assert offsets.committable() == {_PLACE: 2}


def test_a_partition_that_brought_no_record_is_passed() -> None:
    """All that it holds is an aborted transaction."""
    offsets = Offsets()
    offsets.skip(_PLACE, delivered=None, position=3)
    assert (offsets.committable(), offsets.next_offset(_PLACE)) == ({_PLACE: 3}, 3)
