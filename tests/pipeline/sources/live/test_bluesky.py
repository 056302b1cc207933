"""The Bluesky source against a local Jetstream: replay, compression, every way in which a connection can end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import pytest

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.formats.format import BadPost, Deletion, ReadPost, Skipped
from pipeline.local.process import find_free_port
from pipeline.settings import Settings
from pipeline.sources.live.bluesky import PUBLIC_URLS, Bluesky
from pipeline.sources.live.documents import Documents
from pipeline.sources.live.source import Batch
from tests.pipeline.sources.live.doubles.jetstream_server import (
    Cut,
    JetstreamServer,
    Refusal,
    abort,
    event,
    half_frame,
    identity,
)

_NOW = time.time_ns() // 1000
_SECOND = 1_000_000


def _events(number: int, *, spacing_us: int = 1_000) -> list[tuple[int, bytes]]:
    """Return events about posts 0, 1, ... of the last minute."""
    times = [_NOW - 60 * _SECOND + n * spacing_us for n in range(number)]
    return [(at, event(n, f"post {n}", time_us=at)) for n, at in enumerate(times)]


def _bluesky(*urls: str) -> Bluesky:
    return Bluesky.of(Settings(source_url=",".join(urls)))


async def _read(
    source: Bluesky, cursor: str | None, *, until: int = 10**9
) -> tuple[list[Batch], Exception | None]:
    """Return the batches of one connection up to so many items, or up to its end, and the error that ended it."""
    batches: list[Batch] = []
    reading = source.read(cursor)
    try:
        async with asyncio.timeout(60):
            async for batch in reading:
                batches.append(batch)
                if sum(len(batch.items) for batch in batches) >= until:
                    return batches, None
    except (SourceUnavailableError, SourceRefusedError) as error:
        return batches, error
    finally:
        await reading.aclose()
    return batches, None


def _texts(batches: Sequence[Batch]) -> list[str]:
    return [item.post.text for batch in batches for item in batch.items if isinstance(item, ReadPost)]


async def test_posts_come_from_a_cursor_on_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is asked for posts alone, from three seconds before the cursor, and compresses what it sends."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy is not for loopback addresses
    async with JetstreamServer(_events(10, spacing_us=_SECOND)) as server:
        cursor = str(server.events[5][0])
        batches, _ = await _read(_bluesky(server.url), cursor, until=8)
    assert batches[0] == Batch()
    assert _texts(batches) == [f"post {n}" for n in range(2, 10)]
    assert batches[-1].cursor == str(server.events[-1][0])
    assert batches[-1].event_time is not None
    assert batches[-1].event_time.timestamp() == pytest.approx(server.events[-1][0] / _SECOND)
    [query] = server.queries
    assert query["wantedCollections"] == ["app.bsky.feed.post"]
    assert query["cursor"] == [str(int(cursor) - 3 * _SECOND)]
    assert "permessage-deflate" in server.compressions[0]


@pytest.mark.parametrize(("hours", "is_said"), [(48, True), (0.01, False)])
async def test_a_gap_before_the_oldest_post_of_the_server_is_said(
    hours: float, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Jetstream gives what it still has, and says nothing of the rest."""
    async with JetstreamServer(_events(3)) as server:
        cursor = str(server.events[0][0] - int(hours * 3600 * _SECOND))
        await _read(_bluesky(server.url), cursor, until=3)
    said = [f"Jetstream goes on {hours * 3600:.0f} s after our cursor: posts between may be lost to it"]
    assert [
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    ] == said * is_said


@pytest.mark.parametrize("cursor", ["", "now", "12.5", "-5", "\u0663", '{"0":17}'])
async def test_a_cursor_that_is_no_time_is_left_out(cursor: str, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody, or another version, has written it: the source begins now, and says so."""
    async with JetstreamServer() as server:
        reading = _bluesky(server.url).read(cursor)
        assert await anext(reading) == Batch()
        await reading.aclose()
    assert "cursor" not in server.queries[0]
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.endswith("is no time of Jetstream's: posts are read from now on")


async def test_without_a_cursor_posts_come_from_now_on() -> None:
    """What the server has is not replayed; what comes is there at once."""
    async with JetstreamServer(_events(10)) as server:
        source = _bluesky(server.url)
        reading = source.read(None)
        assert await anext(reading) == Batch()
        await server.add(_NOW, event(99, "new", time_us=_NOW))
        assert _texts([await anext(reading)]) == ["new"]
        await reading.aclose()
    assert "cursor" not in server.queries[0]


async def test_what_is_no_new_post_is_told_apart() -> None:
    """Deletions name the post's id, accounts are skipped, and garbage costs no other event."""
    at = _NOW - _SECOND
    values = [
        event(1, "first", time_us=at),
        event(1, "edited", time_us=at + 1, operation="update"),
        event(1, time_us=at + 2, operation="delete"),
        identity(at + 3),
        b'{"did":',
        b"[1]",
        event(2, "last", time_us=at + 4),
    ]
    async with JetstreamServer([(at + n, value) for n, value in enumerate(values)]) as server:
        batches, _ = await _read(_bluesky(server.url), str(at), until=len(values))
    items = [item for batch in batches for item in batch.items]
    kinds = [ReadPost, ReadPost, Deletion, Skipped, BadPost, BadPost, ReadPost]
    assert [type(item) for item in items] == kinds
    first, edited, deletion = items[:3]
    assert isinstance(first, ReadPost)
    assert isinstance(edited, ReadPost)
    assert isinstance(deletion, Deletion)
    assert first.post.id == edited.post.id == deletion.id
    assert first.read_as.format == "jetstream"
    assert first.post.lang == "en"
    assert batches[-1].cursor == str(at + 4)


@pytest.mark.parametrize(
    "time_us", [-1, 0, 2**63, True, "1", None, 1.5, time.time_ns() // 1000 + 2 * 3600 * _SECOND]
)
async def test_a_time_that_cannot_be_is_no_cursor(time_us: object) -> None:
    """A cursor in the future would skip all posts up to then."""
    at = _NOW - _SECOND
    value = json.loads(event(1, "odd", time_us=at)) | {"time_us": time_us}
    async with JetstreamServer([(at, json.dumps(value).encode())]) as server:
        batches, _ = await _read(_bluesky(server.url), str(at), until=1)
    assert [batch.cursor for batch in batches] == [None, None]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (abort, "the connection ended: without a word"),
        (half_frame, "the connection ended: without a word"),
        ((1000, ""), "the connection ended: the server closed it with code 1000"),
        (
            (1008, "ConsumerTooSlow"),
            "the connection ended: the server closed it with code 1008: ConsumerTooSlow",
        ),
        ((1011, "\x1b[31mred"), r"the connection ended: the server closed it with code 1011: \x1b[31mred"),
    ],
)
async def test_a_connection_that_ends_gives_what_came_before(
    cut: Cut | tuple[int, str], expected: str
) -> None:
    """All that was sent whole is given, with its cursor, and then the reason."""
    async with JetstreamServer(_events(50), cuts=[(20, cut)]) as server:
        batches, error = await _read(_bluesky(server.url), "0")
    texts = _texts(batches)
    assert texts == [f"post {n}" for n in range(len(texts))]
    assert isinstance(error, SourceUnavailableError)
    assert str(error) == f"Jetstream at {server.url}: {expected}"
    if cut is not abort:  # a reset may overtake what was sent before it
        assert len(texts) == 20


@pytest.mark.parametrize(
    ("refusal", "kind", "expected"),
    [
        (Refusal(429, (("Retry-After", "17"),), b"slow down"), SourceUnavailableError, "429: slow down"),
        (Refusal(503, (("Retry-After", "5"),)), SourceUnavailableError, "503"),
        (Refusal(502, (("Retry-After", "soon"),)), SourceUnavailableError, "502"),
        (
            Refusal(404, body=b"404 page\nnot found"),
            SourceRefusedError,
            "404: 404 page not found: check TOCSIN_SOURCE_URL",
        ),
        (Refusal(403), SourceRefusedError, "403: check TOCSIN_SOURCE_URL"),
    ],
)
async def test_a_server_that_does_not_let_us_in_says_why(
    refusal: Refusal, kind: type[Exception], expected: str
) -> None:
    """A rate limit and an overload pass; a wrong address does not."""
    async with JetstreamServer(refusals=[refusal]) as server:
        _, error = await _read(_bluesky(server.url), None)
    assert type(error) is kind
    assert str(error) == f"Jetstream at {server.url} answers with status {expected}"
    if isinstance(error, SourceUnavailableError):
        waits = {429: (17.0, True), 503: (5.0, False), 502: (None, False)}
        assert (error.retry_after, error.is_rate_limit) == waits[refusal.status]


async def test_a_server_that_is_away_or_speaks_something_else_is_unavailable() -> None:
    """No traceback, whatever answers at the address."""
    port = find_free_port()
    _, error = await _read(_bluesky(f"ws://127.0.0.1:{port}/subscribe"), None)
    assert isinstance(error, SourceUnavailableError)
    assert str(error).startswith(f"no answer from Jetstream at ws://127.0.0.1:{port}/subscribe: ")

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", port):
        _, error = await _read(_bluesky(f"ws://127.0.0.1:{port}/subscribe"), None)
    assert isinstance(error, SourceUnavailableError)


async def test_the_next_of_several_servers_is_tried_when_one_fails() -> None:
    """One that is gone for good does not stop the others, nor does it come first again at once."""
    async with (
        JetstreamServer(_events(5), refusals=[Refusal(404)]) as gone,
        JetstreamServer(_events(5)) as good,
    ):
        source = _bluesky(gone.url, good.url)
        _, error = await _read(source, "0")
        assert isinstance(error, SourceUnavailableError)
        for _ in range(2):
            batches, _ = await _read(source, "0", until=5)
            assert len(_texts(batches)) == 5
    assert (len(gone.queries), len(good.queries)) == (0, 2)


async def test_a_server_that_falls_silent_is_noticed() -> None:
    """The other end is gone without a word, as behind a router that forgot the connection: no pong comes."""
    async with JetstreamServer(_events(3)) as server:
        documents = Documents(Settings(), "jetstream")
        source = Bluesky(documents, [server.url], ping_seconds=0.05, pong_seconds=0.2)
        reading = source.read("0")
        assert await anext(reading) == Batch()
        server.freeze()
        with pytest.raises(SourceUnavailableError, match="silent: no answer to a ping"):
            async for _ in reading:
                pass


async def test_a_quiet_server_that_answers_pings_is_kept() -> None:
    """Nothing to say is not a fault: the post that comes after a while is there, on the same connection."""
    async with JetstreamServer() as server:
        documents = Documents(Settings(), "jetstream")
        source = Bluesky(documents, [server.url], ping_seconds=0.02, pong_seconds=0.02)
        reading = source.read(None)
        assert await anext(reading) == Batch()
        coming = asyncio.ensure_future(anext(reading))
        async with asyncio.timeout(30):
            while server.num_pings < 5:
                await asyncio.sleep(0.01)
        await server.add(_NOW, event(1, "at last", time_us=_NOW))
        assert _texts([await coming]) == ["at last"]
        await reading.aclose()
    assert len(server.queries) == 1


async def test_what_the_user_asks_for_stays_in_the_address() -> None:
    """Parameters of Jetstream's own can be given, and ours join them."""
    async with JetstreamServer() as server:
        reading = _bluesky(f"{server.url}?wantedDids=did:plc:x&wantedDids=did:plc:y").read(None)
        await anext(reading)
        await reading.aclose()
    assert server.queries[0]["wantedDids"] == ["did:plc:x", "did:plc:y"]
    assert server.queries[0]["wantedCollections"] == ["app.bsky.feed.post"]


def test_an_address_that_is_none_is_refused() -> None:
    """Before anything is started."""
    with pytest.raises(SettingsError, match=r"TOCSIN_SOURCE_URL='https://bsky\.app': expected wss://"):
        _bluesky("https://bsky.app")
    with pytest.raises(SettingsError, match="TOCSIN_SOURCE_URL='wss:///subscribe': expected wss://HOST"):
        _bluesky("wss:///subscribe")


def test_sources_that_take_other_posts_have_other_cursors() -> None:
    """The address does not matter: a cursor holds for every instance."""
    keys = {
        Bluesky.of(Settings.model_validate(settings)).key
        for settings in (
            {},
            {"source_url": PUBLIC_URLS[1]},
            {"source_words": "flood"},
            {"source_languages": "en"},
        )
    }
    assert len(keys) == 3
    assert all(key.startswith("bluesky:") for key in keys)
