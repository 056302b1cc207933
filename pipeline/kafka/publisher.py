"""Publishing: a producer that waits until the broker has acknowledged every record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
from aiokafka.partitioner import murmur2

from pipeline.errors import BrokerUnavailableError, LoginRefusedError, MissingTopicError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import check_access, start_client
from pipeline.kafka.metadata import find_partitions
from pipeline.kafka.refusals import NOT_ALLOWED, not_allowed
from pipeline.messages.record import Outgoing
from pipeline.outage import Outage, retries

logger = logging.getLogger(__name__)

# Above what brokers take (1 MiB unless told otherwise): the limit that counts is theirs, for it is on what is sent.
_MAX_REQUEST_BYTES = 16 * 2**20
# A topic that was deleted and made again is known after so long at most.
_METADATA_MILLISECONDS = 10_000
# Records that are not acknowledged by then may be for a topic that is no more.
_LOOK_SECONDS = 3.0
_CLOSE_SECONDS = 1.0

# The broker has lost its data, somebody has taken our producer's id, or a record was too large: its number is spent, so
# that the next on its partition seems to come too early. aiokafka gives up.
_FORGOTTEN = (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)


class TooLargeError(MessageSizeTooLargeError):  # type: ignore[misc]
    """The broker takes records of that size for none of ours; a small one may share the fate of its batch.

    Args:
        unsent: the records that are not acknowledged, in order.
    """

    def __init__(self, unsent: Sequence[Outgoing]) -> None:
        super().__init__(f"{len(unsent)} records too large, or sent with one that is")
        self.unsent = unsent


class Publisher:
    """Publishes records and returns once the broker has acknowledged them, however long that takes.

    Args:
        client: who we are and where, for messages.
        check_topics: raises MissingTopicError where nobody will make a topic that is gone; None where somebody will.
        make_producer: connects another producer in the place of one that the broker no longer knows.
    """

    def __init__(
        self,
        producer: Any,
        *,
        client: str = "this client",
        check_topics: Callable[[], Awaitable[object]] | None = None,
        make_producer: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        self._producer = producer
        self._make_producer = make_producer
        self._is_forgotten = False  # the broker no longer knows the producer
        self._renewing = asyncio.Lock()
        self._replaced = asyncio.Event()  # the present producer has given way to another
        self._client = client
        self._check_topics = check_topics
        self._outage = Outage("Kafka")
        self._has_given_up = False
        self.on_failure: Callable[[], None] = lambda: None  # is told of every failure that is waited out

    @classmethod
    async def connect(
        cls,
        cluster: Cluster,
        *,
        topics: Sequence[str] = (),
    ) -> Self:
        """Connect to the broker.

        Args:
            topics: must exist, now and for as long as records are published. Without any, a topic that does not is
                waited for, as agents do, who make theirs again.

        Raises:
            BrokerUnavailableError: nobody answers there.
            MissingTopicError: one of the topics does not exist.
            KafkaAccessError: the broker refuses us.
        """
        await check_access(cluster)
        check = partial(find_partitions, cluster, topics) if topics else None

        async def make_producer() -> Any:
            producer = AIOKafkaProducer(
                bootstrap_servers=cluster.brokers,
                acks="all",
                linger_ms=5,
                enable_idempotence=cluster.is_idempotent,
                max_request_size=_MAX_REQUEST_BYTES,
                metadata_max_age_ms=_METADATA_MILLISECONDS,
                **cluster.security.client_options(),
            )
            await start_client(producer, cluster)
            return producer

        try:
            if check is not None:
                await check()
            producer = await make_producer()
        except NOT_ALLOWED as error:  # who may write nothing at all gets no producer id
            raise not_allowed(error, client=cluster.client, action="Write") from error
        return cls(producer, client=cluster.client, check_topics=check, make_producer=make_producer)

    def renew(self) -> None:
        """Publish the next records by a new producer: the broker may have lost what it knew of this one.

        A broker without its data hands out the ids of producers from the start. Two producers under one id would have
        their records taken for repeats of each other's.
        """
        self._is_forgotten = self._make_producer is not None

    async def publish(self, records: Sequence[Outgoing]) -> int:
        """Publish all records, in order within a partition; retries for as long as the broker is away.

        Returns how often a record was too large for the broker and gave way to its fallback.

        Raises:
            TooLargeError: a record is too large for the broker, and has no fallback.
            KafkaError: the broker refuses a record for good.
            KafkaAccessError: it does not let us write there.
            MissingTopicError: a topic that must exist is gone.
        """
        try:
            if self._check_topics is None:
                return await self._publish(records)
            return await self._publish_or_give_up(records, self._check_topics)
        except NOT_ALLOWED as error:
            raise not_allowed(error, client=self._client, action="Write") from error

    async def _publish_or_give_up(
        self, records: Sequence[Outgoing], check_topics: Callable[[], Awaitable[object]]
    ) -> int:
        publishing = asyncio.ensure_future(self._publish(records))
        try:
            while not (await asyncio.wait([publishing], timeout=_LOOK_SECONDS))[0]:
                try:
                    await check_topics()
                    self._outage.end()
                except MissingTopicError:
                    self._has_given_up = True
                    raise
                except BrokerUnavailableError as error:
                    self._outage.begin()
                    self._outage.report(error)
            return publishing.result()
        finally:
            publishing.cancel()

    async def _publish(self, records: Sequence[Outgoing]) -> int:
        remaining, num_replaced, num_at_once = list(records), 0, len(records)
        async for attempt in retries(self._is_passing, wait_max_seconds=10.0):
            with attempt:
                await self._replace_forgotten_producer()
                while remaining:
                    sent, rest = remaining[:num_at_once], remaining[num_at_once:]
                    left, error = await self._send(sent)
                    remaining = left + rest
                    if not isinstance(error, MessageSizeTooLargeError):
                        if error is not None:
                            raise error
                        continue
                    self.renew()  # the broker misses the numbers that the refused records had
                    await self._replace_forgotten_producer()
                    if len(sent) == 1:
                        remaining = [_instead(remaining, error), *rest]
                        num_replaced += 1
                    # The broker refuses a whole batch for one of its records: which one, each tried alone will show.
                    num_at_once = 1
        return num_replaced

    async def _replace_forgotten_producer(self) -> None:
        async with self._renewing:
            if not self._is_forgotten or self._make_producer is None:
                return
            old, self._producer = self._producer, await self._make_producer()
            self._is_forgotten = False
            # What is still on its way there may never arrive: who waits for it sends it again.
            self._replaced.set()
            self._replaced = asyncio.Event()
            await _stop(old)

    async def _send(self, records: list[Outgoing]) -> tuple[list[Outgoing], BaseException | None]:
        """Return what is still to be sent, in order, and what went wrong: that a record is too large comes first."""
        producer = self._producer
        results = await self._acknowledged(producer, records)
        failed = [
            (record, result)
            for record, result in zip(records, results, strict=True)
            if isinstance(result, BaseException)
        ]
        errors = sorted(
            (error for _, error in failed), key=lambda error: not isinstance(error, MessageSizeTooLargeError)
        )
        error = errors[0] if errors else None
        if isinstance(error, _FORGOTTEN) and producer is self._producer:
            self.renew()
        return [record for record, _ in failed], error

    async def _acknowledged(self, producer: Any, records: list[Outgoing]) -> list[object]:
        """Return an acknowledgement or an error for each record; no later than when the producer is replaced."""
        sending = asyncio.ensure_future(_hand_over_all(producer, records))
        replaced = asyncio.ensure_future(self._replaced.wait())
        try:
            await asyncio.wait([sending, replaced], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            return [KafkaTimeoutError("the producer was replaced")] * len(records)
        finally:
            sending.cancel()
            replaced.cancel()

    def _is_passing(self, error: Exception) -> bool:
        is_passing = (
            isinstance(error, KafkaTimeoutError)
            or (isinstance(error, KafkaError) and error.retriable)
            or (
                self._is_forgotten
                and isinstance(error, (*_FORGOTTEN, BrokerUnavailableError, LoginRefusedError))
            )
        )
        if is_passing:
            self.on_failure()
            logger.warning("the broker does not take our records (%s); trying again", error)
        return is_passing

    async def close(self) -> None:
        """Flush and disconnect; what was given up is not waited for."""
        if not self._has_given_up:
            await self._producer.stop()
            return
        await _stop(self._producer)


def _instead(remaining: Sequence[Outgoing], error: BaseException) -> Outgoing:
    """Return what goes in the place of the first record, which is too large."""
    fallback = remaining[0].fallback
    if fallback is None:
        raise TooLargeError(remaining) from error
    return fallback()


async def _hand_over_all(producer: Any, records: list[Outgoing]) -> list[object]:
    acknowledgements = [await _hand_over(producer, record) for record in records]
    return await asyncio.gather(*acknowledgements, return_exceptions=True)


async def _hand_over(producer: Any, record: Outgoing) -> Awaitable[object]:
    try:
        acknowledgement: Awaitable[object] = await producer.send(
            record.topic, key=record.key, value=record.value, headers=list(record.headers)
        )
    except MessageSizeTooLargeError as error:  # the client's own limit
        refused: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused
    return acknowledgement


async def _stop(producer: Any) -> None:
    """Disconnect a producer that may never get rid of what it holds."""
    try:
        await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)
    except TimeoutError:
        await producer.client.close()
        await producer._sender.close()  # it would try for ever


def partition_number(key: bytes, num_partitions: int) -> int:
    """Return the partition that our producers put a record with this key on, as Kafka's own clients do."""
    return int((murmur2(key) & 0x7FFFFFFF) % num_partitions)
