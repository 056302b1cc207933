"""What a failed connection means; with a real broker: `test_secured_kafka.py`."""

import asyncio

import pytest
from aiokafka.errors import ClusterAuthorizationFailedError, TopicAuthorizationFailedError

from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.refusals import check_login, describe_failure, not_allowed
from pipeline.local.process import find_free_port


async def test_a_broker_that_closes_the_connection_is_waited_for_with_a_hint() -> None:
    """It may be starting, or want a password: the error says both, and is tried again."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(BrokerUnavailableError, match=rf"127\.0\.0\.1:{port} closes .*TOCSIN_KAFKA_TLS"):
            await check_login(Cluster(f"127.0.0.1:{port}"))
    finally:
        server.close()
        await server.wait_closed()


async def test_an_unreachable_broker_is_not_a_refusal() -> None:
    """The client itself reports an outage."""
    await check_login(Cluster(f"127.0.0.1:{find_free_port()},127.0.0.1:{find_free_port()}"))


def test_a_missing_acl_is_named_with_what_it_is_for() -> None:
    """Client, operation and resource, whether aiokafka names one topic, several or none."""
    one = not_allowed(TopicAuthorizationFailedError("t"), client="user 'x' at k:1", action="Write")
    assert str(one) == "user 'x' at k:1 lacks an ACL: Write on topic 't'"
    several = not_allowed(TopicAuthorizationFailedError({"t", "s"}), client="c", action="Read")
    assert str(several) == "c lacks an ACL: Read on topic 's' 't'"
    none = not_allowed(ClusterAuthorizationFailedError(), client="c", action="Write")
    assert str(none) == "c lacks an ACL: Write on cluster"


def test_the_end_of_a_stream_is_described_by_its_cause() -> None:
    """However deep the error lies in groups of others; a defect keeps its type."""
    cause = KafkaAccessError("user 'x' lacks an ACL")
    assert describe_failure(ExceptionGroup("a", [ExceptionGroup("b", [cause])])) == "user 'x' lacks an ACL"
    assert (
        describe_failure(TopicAuthorizationFailedError("t")) == "this agent lacks an ACL: Read on topic 't'"
    )
    assert describe_failure(ZeroDivisionError("x")) == "ZeroDivisionError('x')"
