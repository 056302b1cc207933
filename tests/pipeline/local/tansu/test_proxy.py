import asyncio
import struct

import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.connection import check_access
from pipeline.local.tansu.proxy import TansuProxy
from pipeline.local.tansu.translation import change_api_versions
from pipeline.settings import Settings

_CORRELATION_ID = 7
# No API, no throttling, one tagged field of one byte.
_API_VERSIONS_ANSWER = struct.pack(">ihBi", _CORRELATION_ID, 0, 1, 0) + b"\x01\x00\x01\x01"


async def test_other_answers_pass_byte_for_byte() -> None:
    """Of two equal answers only the one to a request for API versions is changed."""
    answer = _API_VERSIONS_ANSWER

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while length := await reader.read(4):
            await reader.readexactly(*struct.unpack(">i", length))
            writer.write(struct.pack(">i", len(answer)) + answer)
        writer.close()
        await writer.wait_closed()
        closed.set()

    closed = asyncio.Event()
    broker = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    proxy = TansuProxy(broker.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.open(0))
    answers = []
    for key, version in ((18, 3), (18, 2), (3, 9)):
        request = struct.pack(">hhi", key, version, _CORRELATION_ID) + b"body"
        writer.write(struct.pack(">i", len(request)) + request)
        answers.append(await reader.readexactly(*struct.unpack(">i", await reader.readexactly(4))))
        if key == 18 and version == 3:
            assert answers[0] != answer
    assert answers == [change_api_versions(answer), answer, answer]
    writer.close()
    await writer.wait_closed()
    await proxy.close()
    broker.close()
    await asyncio.wait_for(closed.wait(), 5)


async def test_a_broker_that_is_gone_closes_the_connection() -> None:
    """The client does not wait for ever."""
    gone = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    proxy = TansuProxy(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.open(0))
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
    await proxy.close()


async def test_a_client_that_speaks_tls_is_told_so_at_once() -> None:
    """Its first bytes, read as a length, are hundreds of megabytes, which the proxy does not wait for."""

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    broker = await asyncio.start_server(wait_for_the_end, "127.0.0.1", 0)
    proxy = TansuProxy(broker.sockets[0].getsockname()[1])
    port = await proxy.open(0)
    settings = Settings(brokers=f"127.0.0.1:{port}", kafka_tls=True)
    try:
        with pytest.raises(BrokerUnavailableError, match=rf":{port} closes .* no TLS .* now SSL"):
            await check_access(Cluster.of(settings))
    finally:
        await proxy.close()
        broker.close()
