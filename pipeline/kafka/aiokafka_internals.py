"""The private parts of aiokafka (0.14) that this room uses: no other file of it touches one.

`tests/pipeline/kafka/test_aiokafka_internals.py` names each of them. It fails if another version is installed or one of
them changes. The Faust adapter (`pipeline/stream/faust_consumer.py`) has its own list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiokafka import conn
from aiokafka.consumer import fetcher
from aiokafka.errors import SaslAuthenticationFailed
from aiokafka.record.default_records import _DefaultRecordBatchPy

_ACKNOWLEDGE = b"\x01"
_handshake = conn.AIOKafkaConnection._do_sasl_handshake


async def close_connections(consumer: Any) -> None:
    """Close the connections of a consumer whose `stop` was cut short."""
    await consumer._client.close()


async def close_producer(producer: Any) -> None:
    """Close a producer that cannot send what it holds: its sender would try for ever."""
    await producer.client.close()
    await producer._sender.close()


def replace_record_readers(records: type, partition_records: type) -> None:
    """Have every consumer of this process read the answers to its fetches by these classes."""
    fetcher.MemoryRecords = records
    fetcher.PartitionRecords = partition_records


def read_in_python(data: bytes, wrap: Callable[[Any], Any]) -> list[Any]:
    """Return the records of a batch, read by aiokafka's reader in plain Python.

    Args:
        data: all bytes of the batch.
        wrap: is given the decompressed bytes, and returns the buffer to read instead.
    """
    batch: Any = _DefaultRecordBatchPy(data)
    iter(batch)  # decompresses
    batch._buffer = wrap(batch._buffer)
    return list(batch)


def await_token_verdicts(report: Callable[[object, bool], None]) -> None:
    """Have every client of this process wait until the broker has accepted or refused its token.

    RFC 7628 (section 3.2.2) lets a server answer a bad token with a reason, as if the exchange went on. The server
    fails the exchange once the client has acknowledged the reason with one byte. aiokafka does not wait for that: it
    logs that it is authenticated, and then sees a cluster without brokers. A bad token would look like an outage.

    Args:
        report: called with the provider of the token, and whether the broker accepted the token.
    """

    async def handshake(connection: Any) -> None:
        provider = connection._sasl_oauth_token_provider
        try:
            await _handshake(connection)
        except SaslAuthenticationFailed:
            report(provider, False)
            raise
        report(provider, True)

    conn.OAuthAuthenticator = _PatientAuthenticator
    conn.AIOKafkaConnection._do_sasl_handshake = handshake


class _PatientAuthenticator(conn.OAuthAuthenticator):  # type: ignore[misc]
    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        if self._token_sent and payload:
            return _ACKNOWLEDGE, True
        result: tuple[bytes, bool] | None = await super().step(payload)
        return result
