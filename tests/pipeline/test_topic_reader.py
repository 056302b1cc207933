import asyncio

import pytest

from pipeline.kafka_admin import ensure_topics
from pipeline.publisher import Outgoing, Publisher
from pipeline.topic_reader import reading
from tests.pipeline.brokers import BrokerKind


@pytest.mark.e2e
async def test_records_come_back_as_they_were_published(broker_kind: BrokerKind) -> None:
    """Key, value, headers and order within a partition; creating topics twice is no error."""
    async with broker_kind.running() as running:
        settings = running.model_copy(update={"topic_partitions": 1})
        await ensure_topics(settings)
        await ensure_topics(settings)
        publisher = await Publisher.connect(settings.brokers, is_idempotent=settings.producer_idempotence)
        sent = [Outgoing("alerts", b"k", bytes([n]), [("h", b"\xff")]) for n in range(50)]
        await publisher.publish(sent)
        await publisher.close()
        async with reading(settings.brokers, ["alerts"], from_beginning=True) as records:
            received = [await asyncio.wait_for(anext(records), 20) for _ in sent]
    assert [Outgoing(r.topic, r.key, r.value, list(r.headers)) for r in received] == sent
    assert [r.offset for r in received] == list(range(50))
