"""The private parts of aiokafka that `aiokafka_internals` uses: a release that changes one of them fails here."""

import inspect
import re
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.consumer import fetcher
from aiokafka.producer.sender import Sender
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchPy

from pipeline.kafka.tokens.provider import note_token_verdicts


def test_the_version_of_aiokafka_is_the_one_that_was_read() -> None:
    """Before a newer one is used, its source is read for every name in this file."""
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        (AIOKafkaConsumer, "self._client ="),
        (AIOKafkaProducer, "self.client ="),
        (AIOKafkaProducer, "self._sender ="),
        (AIOKafkaConnection, "self._sasl_oauth_token_provider ="),
        (conn.OAuthAuthenticator, "self._token_sent ="),
        (_DefaultRecordBatchPy, "self._buffer ="),
    ],
)
def test_the_private_attributes_of_clients_are_set_when_they_are_made(owner: type, line: str) -> None:
    """We read and replace them under these names."""
    assert line in inspect.getsource(owner.__init__)  # type: ignore[misc]


def test_what_is_replaced_is_there_and_takes_the_same_arguments() -> None:
    """Read from the modules' files: in this process other tests may have replaced it already."""
    handshake, fetching = inspect.getsource(conn), inspect.getsource(fetcher)
    assert "async def _do_sasl_handshake(self):" in handshake
    assert "OAuthAuthenticator(" in handshake.replace("class OAuthAuthenticator(", "")
    assert "async def step(self, payload):" in handshake
    assert "MemoryRecords(" in fetching
    assert "PartitionRecords(" in fetching.replace("class PartitionRecords(", "")
    assert "self.next_fetch_offset =" in fetching
    assert re.search(r"class PartitionRecords:\s+def __init__\(\s+self,\s+tp,\s+records,", fetching)
    assert inspect.iscoroutinefunction(Sender.close)
    assert DefaultRecordBase.HEADER_STRUCT.size == 61


def test_the_parts_of_the_protocol_that_acls_and_refusals_use_are_there() -> None:
    """They have no underscore, but aiokafka documents none of them."""
    assert list(inspect.signature(collect_hosts).parameters) == ["hosts", "randomize"]
    assert {"request_timeout_ms", "security_protocol", "ssl_context"} <= set(
        inspect.signature(create_conn).parameters
    )
    assert {"topics", "allow_auto_topic_creation"} <= set(inspect.signature(MetadataRequest).parameters)
    assert list(inspect.signature(Request.prepare).parameters) == ["self", "versions"]
    assert list(inspect.signature(Request.build).parameters) == ["self", "request_struct_class"]
    assert {"API_KEY", "API_VERSION", "SCHEMA"} <= set(
        RequestStruct.__annotations__ | Response.__annotations__
    )


class FakeTokens(AbstractTokenProvider):  # type: ignore[misc]
    """A FAKE provider."""

    async def token(self) -> str:
        return "abc"


async def test_a_refused_token_is_acknowledged_and_an_accepted_one_ends_the_exchange() -> None:
    """A reason for a refusal is answered with one byte. With a real broker: `test_kafka_tokens.py`."""
    note_token_verdicts()
    note_token_verdicts()
    for challenge, answer in ((b"", None), (b'{"status":"invalid_token"}', (b"\x01", True))):
        authenticator = conn.OAuthAuthenticator(sasl_oauth_token_provider=FakeTokens())
        assert await authenticator.step(None) == (b"n,,\x01auth=Bearer abc\x01\x01", True)
        assert await authenticator.step(challenge) == answer
