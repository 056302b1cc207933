import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.messages.record import Partition, Record
from pipeline.stream.offsets import Offsets
from tests.pipeline.fakes import make_record

_PLACE = Partition("posts", 0)


def _begun(number: int) -> tuple[list[Record], Offsets]:
    records = [make_record(b"", offset=offset) for offset in range(number)]
    offsets = Offsets()
    offsets.begin(records)
    return records, offsets


@given(number=st.integers(1, 20), num_finished=st.integers(0, 20), seed=st.integers())
def test_a_partition_is_committed_up_to_its_first_unfinished_record(
    number: int, num_finished: int, seed: int
) -> None:
    """In whatever order records finish, all before the first hole is committed, and nothing past it."""
    records, offsets = _begun(number)
    finished = random.Random(seed).sample(records, min(number, num_finished))
    for record in finished:
        offsets.finish(record)
    first_unfinished = min(set(range(number)) - {record.offset for record in finished}, default=number)
    assert offsets.committable() == ({_PLACE: first_unfinished} if first_unfinished else {})


def test_an_offset_is_committed_once() -> None:
    """The next commit has only partitions with further finished records."""
    records, offsets = _begun(3)
    offsets.finish(records[0])
    offsets.committed(offsets.committable())
    assert offsets.committable() == {}
    offsets.finish(records[1])
    assert offsets.committable() == {_PLACE: 2}


def test_an_unfinished_record_holds_back_later_batches() -> None:
    """A hole of one batch holds back what a later batch has finished."""
    records, offsets = _begun(2)
    later = make_record(b"", offset=2)
    offsets.begin([later])
    offsets.finish(later)
    offsets.finish(records[1])
    assert offsets.committable() == {}
    offsets.finish(records[0])
    assert offsets.committable() == {_PLACE: 3}


def test_a_record_that_was_given_back_is_never_committed() -> None:
    """A record that is finished after its partition was taken away does not count, because it comes again."""
    records, offsets = _begun(2)
    offsets.forget()
    offsets.finish(records[0])
    assert (offsets.committable(), offsets.next_offset(_PLACE)) == ({}, None)


def test_a_record_delivered_twice_is_committed_after_both_are_finished() -> None:
    """The first finish of a record that was delivered twice does not commit it."""
    offsets = Offsets()
    records = [make_record(b"", offset=5), make_record(b"", offset=5)]
    offsets.begin(records)
    offsets.finish(records[1])
    assert offsets.committable() == {}
    offsets.finish(records[0])
    assert offsets.committable() == {_PLACE: 6}


def test_offsets_without_a_record_are_passed_after_all_records_before_them() -> None:
    """Each marker of a transaction is committed past, but not before the records in front of it."""
    records, offsets = _begun(2)
    offsets.skip(_PLACE, delivered=2, position=3)
    assert offsets.committable() == {}
    for record in records:
        offsets.finish(record)
    offsets.skip(_PLACE, delivered=2, position=3)
    assert offsets.committable() == {_PLACE: 3}
    offsets.skip(_PLACE, delivered=2, position=6)
    assert offsets.committable() == {_PLACE: 6}


def test_a_record_that_was_delivered_but_not_begun_is_not_passed() -> None:
    """The consumer's position lies behind it, but the agent has not begun it."""
    records, offsets = _begun(2)
    for record in records:
        offsets.finish(record)
    offsets.skip(_PLACE, delivered=4, position=5)
    assert offsets.committable() == {_PLACE: 2}


def test_a_partition_that_brought_no_record_is_passed() -> None:
    """Such a partition may hold nothing but an aborted transaction."""
    offsets = Offsets()
    offsets.skip(_PLACE, delivered=None, position=3)
    assert (offsets.committable(), offsets.next_offset(_PLACE)) == ({_PLACE: 3}, 3)
