"""The private parts of Faust and aiokafka that `faust_consumer` stands on: a release that changes one fails here."""

import inspect
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Subscription, TopicPartitionState
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from faust.transport.drivers.aiokafka import Consumer as DriverConsumer


def test_the_versions_are_those_that_were_read() -> None:
    """A newer one is read first, this file beside it."""
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    "name",
    ["_pending_exception", "_coordination_task", "_rejoin_needed_fut", "_commit_lock", "coordinator_id"],
)
def test_the_coordinator_keeps_what_is_read(name: str) -> None:
    """Each is set when it is made."""
    assert f"self.{name} =" in inspect.getsource(GroupCoordinator)


def test_the_methods_that_are_called_or_replaced_are_there() -> None:
    """With the arguments that they are given."""
    assert list(inspect.signature(GroupCoordinator._send_req).parameters) == ["self", "request"]
    assert list(inspect.signature(GroupCoordinator._do_commit_offsets).parameters) == [
        "self",
        "assignment",
        "offsets",
    ]
    assert callable(GroupCoordinator.check_errors)
    assert isinstance(TopicPartitionState.has_valid_position, property)
    assert "assignment" in dir(Subscription)
    for name in ("_fetch_records", "_create_worker_consumer", "highwater", "call_thread", "on_start"):
        assert callable(getattr(AIOKafkaConsumerThread, name))
    assert "self._gap =" in inspect.getsource(Consumer)
    assert "self._committed_offset =" in inspect.getsource(Consumer)
    assert callable(DriverConsumer._new_consumer_thread)
    assert Transport.Consumer is DriverConsumer


def test_the_isolation_level_is_where_it_is_set() -> None:
    """The client passes it on to its fetcher when it starts."""
    assert "self._isolation_level = isolation_level" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "isolation_level=self._isolation_level" in inspect.getsource(AIOKafkaConsumer.start)
