"""The private parts of Faust that `faust_consumer` uses: a release that changes one fails here."""

import inspect
from importlib.metadata import version

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from faust.transport.drivers.aiokafka import Consumer as DriverConsumer


def test_the_version_is_the_one_that_was_read() -> None:
    """The source of a newer version is read first, with this file beside it."""
    assert version("faust-streaming") == "0.15.3"


def test_the_methods_that_are_called_or_replaced_are_there() -> None:
    """A subclass depends on them by their names alone."""
    for name in (
        "_fetch_records",
        "_create_worker_consumer",
        "_ensure_consumer",
        "highwater",
        "seek_to_committed",
        "call_thread",
        "on_start",
    ):
        assert callable(getattr(AIOKafkaConsumerThread, name)), name
    assert callable(DriverConsumer._new_consumer_thread)
    assert Transport.Consumer is DriverConsumer


def test_the_attributes_of_the_consumer_that_are_read_exist() -> None:
    """Each of these attributes is set when the consumer is made."""
    source = "".join(map(inspect.getsource, DriverConsumer.__mro__[:-1]))
    for name in ("_gap", "_committed_offset", "_read_offset", "_thread"):
        assert f"self.{name} =" in source or f"self.{name}:" in source, name
