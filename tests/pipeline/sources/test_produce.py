"""Records of a source, published on a fake that refuses some."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from pipeline.errors import InvalidMessageError, KafkaAccessError, MissingTopicError, RecordError, TocsinError
from pipeline.formats.format import Skipped
from pipeline.kafka.publisher import TooLargeError
from pipeline.messages.record import Outgoing
from pipeline.sources.produce import SourceItem, Sum, produce, produce_batch
from tests.pipeline.fakes import FakePublisher

_MAX_RECORD_BYTES = 2**20


class SmallPublisher(FakePublisher):
    """Refuses records of more than 1 MiB, as Kafka's client does."""

    async def publish(self, records: Sequence[Outgoing]) -> int:
        large = [record for record in records if len(record.value or b"") > _MAX_RECORD_BYTES]
        if large:
            raise TooLargeError(large)
        return await super().publish(records)


def _items(*contents: bytes | RecordError) -> list[SourceItem]:
    """Return an item for each of these values or errors, numbered from 11."""
    return [
        SourceItem(number, content if isinstance(content, RecordError) else Outgoing("posts", None, content))
        for number, content in enumerate(contents, 11)
    ]


async def _produce(items: Sequence[SourceItem]) -> tuple[Sum, list[bytes], list[tuple[int, str]]]:
    """Return the sum, the published values, and number and reason of each bad item."""
    publisher, bad, total = SmallPublisher(), list[tuple[int, str]](), Sum()

    def report_bad(number: int, error: RecordError) -> None:
        bad.append((number, error.reason))

    await produce_batch(publisher, items, total=total, on_bad=report_bad)
    return total, [record.value or b"" for record in publisher.published], bad


async def test_an_item_without_a_record_does_not_stop_the_others() -> None:
    """It is reported by its number, and the records around it are published."""
    total, published, bad = await _produce(_items(b"a", InvalidMessageError("no text"), b"b"))
    assert total == Sum(num_sent=2, num_bad=1)
    assert published == [b"a", b"b"]
    assert bad == [(12, "invalid_message")]


async def test_a_record_too_large_for_the_broker_does_not_stop_the_others() -> None:
    """It is reported by its number; those before and after it are published once, in order."""
    large = b"x" * (_MAX_RECORD_BYTES + 1)
    total, published, bad = await _produce(_items(b"a", large, b"b" * 20_000, large, b"c", b"d"))
    assert published == [b"a", b"b" * 20_000, b"c", b"d"]
    assert total == Sum(num_sent=4, num_bad=2)
    assert bad == [(12, "undecodable"), (14, "undecodable")]


async def test_a_batch_is_published_before_the_source_gives_the_next() -> None:
    """A source that waits for its next posts keeps none of the last ones back."""
    publisher, total, sums = FakePublisher(), Sum(), list[int]()

    async def source() -> AsyncIterator[list[SourceItem]]:
        yield _items(b"a", b"b")
        assert [record.value for record in publisher.published] == [b"a", b"b"]
        yield []
        yield _items(b"c")

    await produce(
        publisher,
        source(),
        total=total,
        on_bad=lambda *_: None,
        on_batch=lambda: sums.append(total.num_sent),
    )
    assert [record.value for record in publisher.published] == [b"a", b"b", b"c"]
    assert sums == [2, 2, 3]


async def test_deletions_are_sent_and_what_is_no_post_is_not() -> None:
    """Both are counted apart from the posts."""
    publisher, total = FakePublisher(), Sum()
    deletion, like = SourceItem(2, Outgoing("posts", b"gone", None)), SourceItem(3, Skipped("like"))
    items = [*_items(b"a"), deletion, like]
    await produce_batch(publisher, items, total=total, on_bad=lambda *_: None)
    assert [(record.key, record.value) for record in publisher.published][1:] == [(b"gone", None)]
    assert total == Sum(num_sent=2, num_deletions=1, num_skipped=1)


async def test_records_that_the_client_holds_at_an_interrupt_are_in_doubt() -> None:
    """If the work is cancelled, records that the Kafka client holds may be sent or not."""

    class SilentPublisher(FakePublisher):
        """Never gets an acknowledgement for a large record."""

        async def publish(self, records: Sequence[Outgoing]) -> int:
            if len(records[0].value or b"") > 20_000:
                await asyncio.Event().wait()
            return await super().publish(records)

    publisher, total = SilentPublisher(), Sum()
    items = _items(b"a", b"b", b"x" * 20_001)
    work = asyncio.create_task(produce_batch(publisher, items, total=total, on_bad=lambda *_: None))
    while total.num_sent < 2:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert total == Sum(num_sent=2, num_in_doubt=1)


@pytest.mark.parametrize("error", [MissingTopicError(["posts"], "kafka:9092"), KafkaAccessError("no")])
async def test_records_that_the_client_holds_when_publishing_fails_are_in_doubt(error: TocsinError) -> None:
    """The broker may have taken some of the records before the topic or the right to write there was deleted."""

    class FailingPublisher(FakePublisher):
        """Acknowledges a large record, and then nothing more."""

        async def publish(self, records: Sequence[Outgoing]) -> int:
            if self.published:
                raise error
            return await super().publish(records)

    total = Sum()
    items = _items(b"x" * 20_000, b"a", b"b")
    with pytest.raises(type(error)):
        await produce_batch(FailingPublisher(), items, total=total, on_bad=lambda *_: None)
    assert total == Sum(num_sent=1, num_in_doubt=2)


async def test_records_that_are_refused_together_are_published_one_by_one() -> None:
    """Each that fits by itself goes once, those that were taken not again, and the large ones are reported."""

    class StrictPublisher(FakePublisher):
        """Has two partitions, which take a record each by turns, and at most 100 bytes together in one request."""

        async def publish(self, records: Sequence[Outgoing]) -> int:
            parts = [records[::2], records[1::2]]
            refused = [part for part in parts if sum(len(record.value or b"") for record in part) > 100]
            self.published += [record for part in parts if part not in refused for record in part]
            if refused:
                unsent = {id(record) for part in refused for record in part}
                raise TooLargeError([record for record in records if id(record) in unsent])
            return 0

    contents = [b"%3d" % n * (10 if n % 2 else 1) for n in range(20)]
    contents[7] = contents[13] = b"x" * 101
    publisher, total, bad = StrictPublisher(), Sum(), list[int]()
    await produce_batch(publisher, _items(*contents), total=total, on_bad=lambda n, _: bad.append(n))
    assert total == Sum(num_sent=18, num_bad=2)
    assert bad == [11 + 7, 11 + 13]
    assert sorted(record.value or b"" for record in publisher.published) == sorted(
        content for content in contents if len(content) <= 100
    )
