from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.errors import SettingsError, SourceRefusedError
from pipeline.formats.format import ReadPost
from pipeline.settings import Settings
from pipeline.sources.live.rss.memory import read_memories
from pipeline.sources.live.rss.source import Rss
from tests.pipeline.sources.live.doubles.feeds import FeedsDouble, rss
from tests.pipeline.sources.live.doubles.http_double import html_page, pieces, status
from tests.pipeline.sources.live.reading import Reader

_RSS = "application/rss+xml"


@pytest.fixture
async def double() -> AsyncIterator[FeedsDouble]:
    server = FeedsDouble()
    async with server.running():
        yield server


def _source(double: FeedsDouble, *paths: str, **fields: Any) -> Rss:
    addresses = ",".join(f"{double.url}{path}" for path in paths)
    return Rss.of(Settings(source_url=addresses, source_poll_seconds=1.0, **fields))


async def _look(reader: Reader, number: int) -> None:
    """Read until there are so many posts."""
    await reader.until(lambda: len(reader.texts) >= number)


async def test_new_entries_come_once_from_old_to_new(double: FeedsDouble) -> None:
    double.put("/a", "one")
    reader = Reader(_source(double, "/a"))
    await _look(reader, 1)
    double.put("/a", "three", "two", "one")
    await _look(reader, 3)
    assert reader.texts == ["one", "two", "three"]


async def test_a_feed_that_has_not_changed_is_not_sent_again(double: FeedsDouble) -> None:
    double.put("/a", "one")
    reader = Reader(_source(double, "/a"))
    await _look(reader, 1)
    memory = read_memories(reader.cursor)[f"{double.url}/a"]
    reader = Reader(_source(double, "/a"), reader.cursor)  # after a restart, too
    double.prepare("/a", status(304))
    await reader.until(lambda: double.count("/a") >= 2)
    assert double.seen[-1][1]["If-None-Match"] == memory.etag
    assert reader.texts == []


async def test_last_modified_is_sent_back_as_it_came(double: FeedsDouble) -> None:
    double.put("/a", "one")
    double.headers["Last-Modified"] = "Mon, 30 Nov 2026 12:00:00 GMT"
    reader = Reader(_source(double, "/a"))
    await _look(reader, 1)
    reader.source = _source(double, "/a")
    await reader.until(lambda: double.count("/a") >= 2)
    assert double.seen[-1][1]["If-Modified-Since"] == "Mon, 30 Nov 2026 12:00:00 GMT"


async def test_of_a_new_feed_old_entries_are_not_taken(double: FeedsDouble) -> None:
    double.bodies["/a"] = rss("old", days_ago=2)
    reader = Reader(_source(double, "/a"))
    await reader.until(lambda: reader.cursor is not None)
    double.bodies["/a"] = rss("new", "old", days_ago=2)
    await _look(reader, 1)
    assert reader.texts == ["new"]


async def test_a_slow_and_a_broken_feed_hold_up_no_other(double: FeedsDouble) -> None:
    double.put("/slow", "slow")
    double.seconds["/slow"] = 60.0
    double.put("/good", "good")
    double.prepare("/page", html_page())
    reader = Reader(_source(double, "/slow", "/none", "/page", "/good"))
    await _look(reader, 1)
    assert reader.texts == ["good"]
    assert reader.bad == []


async def test_if_no_feed_can_be_read_the_source_is_unavailable(double: FeedsDouble) -> None:
    reader = Reader(_source(double, "/a", "/b"))
    await reader.until_end()
    [failure] = reader.failures
    assert "none of 2 feeds can be read" in str(failure)
    assert "the server answers 404" in str(failure)
    assert 0.0 < (failure.retry_after or 0.0) <= 1.05


async def test_a_server_says_when_to_ask_again(double: FeedsDouble) -> None:
    double.prepare("/a", status(429, Retry_After="600"))
    reader = Reader(_source(double, "/a"))
    await reader.until_end()
    assert 590.0 < (reader.failures[0].retry_after or 0.0) < 640.0


@pytest.mark.parametrize(
    ("ttl", "header", "seconds"), [(10, "", 600.0), (None, "max-age=300", 300.0), (0, "", 1.0)]
)
async def test_a_feed_may_name_a_longer_interval(
    double: FeedsDouble, ttl: int | None, header: str, seconds: float
) -> None:
    double.put("/a", "one", ttl=ttl)
    double.headers["Cache-Control"] = header
    source = _source(double, "/a")
    await _look(Reader(source), 1)
    [feed] = source._feeds
    wait = feed.due - asyncio.get_running_loop().time()
    assert seconds - 1.0 < wait <= seconds * 1.05


async def test_a_feed_that_has_moved_for_good_is_asked_at_its_new_place(double: FeedsDouble) -> None:
    double.put("/new", "one")
    double.prepare("/old", status(301, Location="/new"))
    reader = Reader(_source(double, "/old"))
    await _look(reader, 1)
    assert read_memories(reader.cursor)[f"{double.url}/old"].moved == f"{double.url}/new"
    double.put("/new", "two", "one")
    await _look(reader, 2)
    assert double.count("/old") == 1


async def test_a_redirect_for_now_is_not_remembered(double: FeedsDouble) -> None:
    double.put("/new", "one")
    double.prepare("/old", status(302, Location="/new"))
    reader = Reader(_source(double, "/old"))
    await _look(reader, 1)
    assert read_memories(reader.cursor)[f"{double.url}/old"].moved == ""


async def test_a_feed_that_is_gone_is_not_asked_again(
    double: FeedsDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    double.prepare("/gone", status(410))
    double.put("/a", "one")
    reader = Reader(_source(double, "/gone", "/a"))
    await _look(reader, 1)
    double.put("/a", "two", "one")
    await _look(reader, 2)
    assert double.count("/gone") == 1
    assert f"feed {double.url}/gone: gone for good (410)" in caplog.text


async def test_if_all_feeds_are_gone_the_source_is_refused(double: FeedsDouble) -> None:
    double.prepare("/gone", status(410))
    with pytest.raises(SourceRefusedError, match="all 1 feeds are gone: check TOCSIN_SOURCE_URL"):
        await Reader(_source(double, "/gone")).until_end()


async def test_a_small_answer_does_not_become_a_large_one(double: FeedsDouble) -> None:
    double.bodies["/bomb"] = gzip.compress(b"<rss>" + b" " * 50_000_000)
    double.headers["Content-Encoding"] = "gzip"
    reader = Reader(_source(double, "/bomb"))
    await reader.until_end()
    assert "an answer of more than 5000000 bytes" in str(reader.failures[0])


async def test_a_compressed_feed_is_read(double: FeedsDouble) -> None:
    double.bodies["/a"] = gzip.compress(rss("one"))
    double.headers["Content-Encoding"] = "gzip"
    reader = Reader(_source(double, "/a"))
    await _look(reader, 1)
    assert reader.texts == ["one"]


async def test_a_feed_without_end_is_given_up(double: FeedsDouble) -> None:
    double.prepare("/a", pieces(*[b"<rss>" + b"x" * 1_000_000] * 6, content_type=_RSS, then="stall"))
    reader = Reader(_source(double, "/a"))
    await reader.until_end()
    assert "an answer of more than 5000000 bytes" in str(reader.failures[0])


async def test_half_a_feed_is_not_read(double: FeedsDouble) -> None:
    double.prepare("/a", pieces(rss("one", "two")[:-60], content_type=_RSS))
    double.put("/a", "two", "one")
    reader = Reader(_source(double, "/a"))
    await _look(reader, 2)
    assert reader.texts == ["one", "two"]


async def test_a_feed_may_come_in_any_encoding(double: FeedsDouble) -> None:
    double.bodies["/a"] = (
        rss("Überschwemmung in Köln").decode().replace('"utf-8"', '"iso-8859-1"').encode("iso-8859-1")
    )
    double.headers["Content-Type"] = "application/rss+xml"
    reader = Reader(_source(double, "/a"))
    await _look(reader, 1)
    assert reader.texts == ["Überschwemmung in Köln"]


@pytest.mark.parametrize("name", [b"undefined", b"hex", b"utf\x8b8", b"u\x00", b"utf-16"])
@pytest.mark.parametrize("charset", ["", "; charset=undefined", "; charset=punycode", "; charset=utf-7"])
def test_no_name_of_an_encoding_ends_the_source(name: bytes, charset: str) -> None:
    source = Rss.of(Settings(source_url="http://127.0.0.1/a"))
    body = rss("one", "two").replace(b'"utf-8"', b'"%s"' % name)
    assert source._read(httpx.Headers({"content-type": f"text/xml{charset}"}), body) != []


async def test_the_body_of_a_feed_is_no_file_name(double: FeedsDouble, tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_bytes(rss("secret"))
    double.bodies["/a"] = str(secret).encode()
    reader = Reader(_source(double, "/a"))
    await reader.until_end()
    assert reader.texts == []
    assert "no feed" in str(reader.failures[0])


async def test_the_same_number_in_two_feeds_names_two_posts(double: FeedsDouble) -> None:
    other = FeedsDouble()
    async with other.running():
        double.put("/a", "1")
        other.put("/a", "1")
        addresses = f"{double.url}/a,{other.url}/a"
        reader = Reader(Rss.of(Settings(source_url=addresses, source_poll_seconds=1.0)))
        await _look(reader, 2)
    ids = {item.post.id for item in reader.items if isinstance(item, ReadPost)}
    assert ids == {f"{url.removeprefix('http://')}/1" for url in (double.url, other.url)}


async def test_a_link_within_the_site_is_made_whole(double: FeedsDouble) -> None:
    double.bodies["/a"] = rss("one", link="/quakes/1")
    reader = Reader(_source(double, "/a"))
    await _look(reader, 1)
    [item] = reader.items
    assert isinstance(item, ReadPost)
    assert item.post.url == f"{double.url}/quakes/1"


def test_a_token_is_refused_because_feeds_get_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TOCSIN_SOURCE_TOKEN_FILE: feeds are read without a token"):
        Rss.of(Settings(source_url="https://a.example/feed", source_token_file=tmp_path))
