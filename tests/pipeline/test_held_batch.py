import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.held_batch import HeldBatch
from pipeline.records import Record
from tests.pipeline.fakes import make_record


class FakeMessage:
    """Fake of Faust's message: counts references, and tells the consumer when there is none left."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.refcount = 1

    def incref(self) -> None:
        self.refcount += 1

    def ack(self, consumer: list[int], n: int = 1) -> None:
        was_held = self.refcount > 0
        self.refcount = max(self.refcount - n, 0)
        if was_held and not self.refcount:
            consumer.append(self.offset)


def _batch(number: int) -> tuple[list[Record], list[FakeMessage], list[int], HeldBatch]:
    records = [make_record(b"", offset=offset) for offset in range(number)]
    messages, let_go = [FakeMessage(offset) for offset in range(number)], list[int]()
    return records, messages, let_go, HeldBatch(messages, records, let_go)


@given(number=st.integers(1, 20), num_finished=st.integers(0, 20), seed=st.integers())
def test_a_partition_is_let_go_up_to_its_first_unfinished_record(
    number: int, num_finished: int, seed: int
) -> None:
    """Whatever the order in which records are finished, there is never a hole in what may be committed."""
    records, messages, let_go, batch = _batch(number)
    finished = random.Random(seed).sample(records, min(number, num_finished))
    for record in finished:
        batch.finish(record)
    offsets = {record.offset for record in finished}
    first_unfinished = min(set(range(number)) - offsets, default=number)
    assert let_go == list(range(first_unfinished))
    for message in messages:
        message.ack(let_go)  # what `take_events` does when the loop body is left, however it is left
    assert let_go == list(range(first_unfinished))


def test_the_same_offset_twice_waits_for_both() -> None:
    """After a rebalance a batch may hold a record twice: the first outcome does not let the second go."""
    records = [make_record(b"", offset=5), make_record(b"", offset=5)]
    messages, let_go = [FakeMessage(5), FakeMessage(5)], list[int]()
    batch = HeldBatch(messages, records, let_go)
    batch.finish(records[1])
    assert let_go == []
    batch.finish(records[0])
    assert let_go == [5, 5]
