"""Publishing: records are sent again until the broker has acknowledged every one of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Self

from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from pipeline.errors import BrokerUnavailableError, LoginRefusedError, MissingTopicError, TocsinError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import check_access
from pipeline.kafka.metadata import find_partitions
from pipeline.kafka.producer import FORGOTTEN, RenewableProducer
from pipeline.kafka.refusals import NOT_ALLOWED, not_allowed
from pipeline.messages.record import Outgoing
from pipeline.outage import Outage, retries

logger = logging.getLogger(__name__)

# After this time without an acknowledgement the records' topic may no longer exist, so it is looked for.
_LOOK_SECONDS = 3.0


class TooLargeError(TocsinError):
    """The broker accepts none of our records of that size. A small record may be refused with the batch that it is in.

    Args:
        unsent: the records that are not acknowledged, in order.
    """

    def __init__(self, unsent: Sequence[Outgoing]) -> None:
        super().__init__(f"{len(unsent)} records too large, or sent with one that is")
        self.unsent = unsent


class Publisher:
    """Publishes records, and returns once the broker has acknowledged them, however long that takes.

    Args:
        client: the user and the cluster, for messages.
        check_topics: raises MissingTopicError if a topic is gone that no program makes again; None: agents make theirs
            again, so a missing topic is waited for.
        on_failure: called for every failure that is waited out.
    """

    def __init__(
        self,
        producer: RenewableProducer,
        *,
        client: str = "this client",
        check_topics: Callable[[], Awaitable[object]] | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._producer = producer
        self._client = client
        self._check_topics = check_topics
        self._on_failure = on_failure
        self._outage = Outage("Kafka")
        self._has_given_up = False

    @classmethod
    async def connect(
        cls,
        cluster: Cluster,
        *,
        topics: Sequence[str] = (),
        on_failure: Callable[[], None] = lambda: None,
    ) -> Self:
        """Connect to the broker.

        Args:
            topics: must exist, now and for as long as records are published. If empty, a missing topic is waited for:
                the agents make theirs again.
            on_failure: called for every failure that is waited out.

        Raises:
            BrokerUnavailableError: no broker answers.
            MissingTopicError: one of the topics does not exist.
            KafkaAccessError: the broker refuses us.
        """
        await check_access(cluster)
        check_topics = partial(find_partitions, cluster, topics) if topics else None
        try:
            if check_topics is not None:
                await check_topics()
            producer = await RenewableProducer.connect(cluster)
        except NOT_ALLOWED as error:  # a client that may write nothing at all gets no producer id
            raise not_allowed(error, client=cluster.client, action="Write") from error
        return cls(producer, client=cluster.client, check_topics=check_topics, on_failure=on_failure)

    def renew(self) -> None:
        """Publish the next records by a new producer: the broker may have lost what it knew of this one."""
        self._producer.renew()

    async def publish(self, records: Sequence[Outgoing]) -> int:
        """Publish all records, in order within a partition; retries for as long as the broker is away.

        Returns how many records were too large for the broker and were replaced by their fallback.

        Raises:
            TooLargeError: a record is too large for the broker, and has no fallback.
            KafkaError: the broker refuses a record for good.
            KafkaAccessError: the broker does not let us write there.
            MissingTopicError: a topic that must exist is gone.
        """
        try:
            if self._check_topics is None:
                return await self._publish(records)
            return await self._publish_or_give_up(records, self._check_topics)
        except NOT_ALLOWED as error:
            raise not_allowed(error, client=self._client, action="Write") from error

    async def close(self) -> None:
        """Flush and disconnect. Records that were given up are not waited for."""
        if self._has_given_up:
            await self._producer.abandon()
        else:
            await self._producer.close()

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
                await self._producer.replace_if_forgotten()
                while remaining:
                    sent, rest = remaining[:num_at_once], remaining[num_at_once:]
                    left, error = await self._producer.send(sent)
                    remaining = left + rest
                    if not isinstance(error, MessageSizeTooLargeError):
                        if error is not None:
                            raise error
                        continue
                    # The numbers of the refused records are used up: only a new producer can go on.
                    self._producer.renew()
                    await self._producer.replace_if_forgotten()
                    if len(sent) == 1:
                        remaining = [_fallback(remaining, error), *rest]
                        num_replaced += 1
                    # The broker refuses a whole batch for one of its records. Sent alone, each shows if it is the one.
                    num_at_once = 1
        return num_replaced

    def _is_passing(self, error: Exception) -> bool:
        after_loss = (*FORGOTTEN, BrokerUnavailableError, LoginRefusedError)
        is_passing = (
            isinstance(error, KafkaTimeoutError)
            or (isinstance(error, KafkaError) and error.retriable)
            or (self._producer.is_forgotten and isinstance(error, after_loss))
        )
        if is_passing:
            self._on_failure()
            logger.warning("the broker does not take our records (%s); trying again", error)
        return is_passing


def _fallback(remaining: Sequence[Outgoing], error: BaseException) -> Outgoing:
    """Return the record that replaces the first one, which is too large."""
    fallback = remaining[0].fallback
    if fallback is None:
        raise TooLargeError(remaining) from error
    return fallback()
