import asyncio
import struct

from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka_compat import CompatDoor, without_tagged_fields

_CORRELATION_ID = 7


def _api_versions_answer(num_entries: int, tagged: bytes) -> bytes:
    """Return an answer as Apache Kafka's protocol guide has it, version 3, with these tagged fields."""
    count = num_entries + 1
    varint = bytes([count]) if count < 128 else bytes([count & 0x7F | 0x80, count >> 7])
    entries = b"".join(struct.pack(">hhhB", key, 0, 9, 0) for key in range(num_entries))
    return struct.pack(">ih", _CORRELATION_ID, 0) + varint + entries + struct.pack(">i", 0) + tagged


@given(num_entries=st.integers(0, 300), fields=st.binary(max_size=40))
def test_the_answer_loses_its_tagged_fields_and_nothing_else(num_entries: int, fields: bytes) -> None:
    """What is left is the answer of a broker that has no tagged field to tell."""
    answer = _api_versions_answer(num_entries, b"\x04" + fields)
    assert without_tagged_fields(answer) == _api_versions_answer(num_entries, b"\x00")


@given(answer=st.binary(max_size=80), error=st.integers(-1, 119).filter(bool))
def test_an_answer_that_is_an_error_stays_as_it_is(answer: bytes, error: int) -> None:
    """UNSUPPORTED_VERSION (35) and its like come in the form of version 0, which has no tagged fields."""
    refusal = struct.pack(">ih", _CORRELATION_ID, error) + answer
    assert without_tagged_fields(refusal) == refusal


async def test_all_else_passes_byte_for_byte() -> None:
    """Of two equal answers only the one to a request for API versions is changed."""
    answer = _api_versions_answer(3, b"\x01\x00\x01\x01")

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while length := await reader.read(4):
            await reader.readexactly(*struct.unpack(">i", length))
            writer.write(struct.pack(">i", len(answer)) + answer)
        writer.close()
        await writer.wait_closed()
        closed.set()

    closed = asyncio.Event()
    broker = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    door = CompatDoor(broker.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", await door.open(0))
    answers = []
    for key, version in ((18, 3), (18, 2), (3, 9)):
        request = struct.pack(">hhi", key, version, _CORRELATION_ID) + b"body"
        writer.write(struct.pack(">i", len(request)) + request)
        answers.append(await reader.readexactly(*struct.unpack(">i", await reader.readexactly(4))))
        if key == 18 and version == 3:
            assert len(answers[0]) < len(answer)
    assert answers == [without_tagged_fields(answer), answer, answer]
    writer.close()
    await writer.wait_closed()
    await door.close()
    broker.close()
    await asyncio.wait_for(closed.wait(), 5)


async def test_a_broker_that_is_gone_closes_the_connection() -> None:
    """Nobody is left hanging at the door."""
    gone = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    door = CompatDoor(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", await door.open(0))
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()
    await door.close()
