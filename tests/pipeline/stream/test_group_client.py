"""The private parts of aiokafka that `group_client` uses: a release that changes one fails here."""

import inspect
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Subscription, TopicPartitionState


def test_the_version_is_one_that_was_read() -> None:
    """The source of a newer version is read first, with this file beside it."""
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    "name",
    ["_pending_exception", "_coordination_task", "_rejoin_needed_fut", "_commit_lock", "coordinator_id"],
)
def test_the_attributes_of_the_coordinator_that_are_read_exist(name: str) -> None:
    """Each of these attributes is set when the coordinator is made."""
    assert f"self.{name} =" in inspect.getsource(GroupCoordinator)


@pytest.mark.parametrize("name", ["_client", "_subscription", "_coordinator", "_fetcher"])
def test_the_attributes_of_the_consumer_that_are_read_exist(name: str) -> None:
    """Each of these attributes is set when the consumer is made or started."""
    assert f"self.{name} =" in inspect.getsource(AIOKafkaConsumer)


def test_the_methods_that_are_called_or_replaced_are_there() -> None:
    """They take the arguments that we give them."""
    assert list(inspect.signature(GroupCoordinator._send_req).parameters) == ["self", "request"]
    assert list(inspect.signature(GroupCoordinator._do_commit_offsets).parameters) == [
        "self",
        "assignment",
        "offsets",
    ]
    assert callable(GroupCoordinator.check_errors)
    assert callable(GroupCoordinator.request_rejoin)
    assert callable(Fetcher.request_offset_reset)
    assert callable(AIOKafkaClient.force_metadata_update)
    assert callable(ClusterMetadata.add_listener)
    assert isinstance(TopicPartitionState.has_valid_position, property)
    assert "assignment" in dir(Subscription)


def test_the_isolation_level_is_set_where_the_fetcher_takes_it_from() -> None:
    """The client passes it on to its fetcher when it starts."""
    assert "self._isolation_level = isolation_level" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "isolation_level=self._isolation_level" in inspect.getsource(AIOKafkaConsumer.start)
