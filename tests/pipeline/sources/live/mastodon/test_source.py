from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SettingsError, SourceRefusedError
from pipeline.formats.format import ReadPost
from pipeline.settings import Settings
from pipeline.sources.live.mastodon.source import Mastodon
from tests.pipeline.sources.live.doubles.http_double import html_page, pieces, status
from tests.pipeline.sources.live.doubles.mastodon import TOKEN, MastodonDouble, event, make_status
from tests.pipeline.sources.live.reading import Reader

_STREAM = "/api/v1/streaming/public"
_EVENTS = "text/event-stream"


@pytest.fixture
async def double() -> AsyncIterator[MastodonDouble]:
    server = MastodonDouble()
    async with server.running():
        yield server


@pytest.fixture
def settings(double: MastodonDouble, tmp_path: Path) -> Settings:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    return Settings(source_url=double.url, source_token_file=token_file)


async def _read_while(reader: Reader, number: int, act: Any) -> None:
    """Read until this many items have come, while `act` makes them."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(act)
        await reader.until(lambda: len(reader.items) >= number)


async def test_posts_edits_and_deletions_come_under_one_id(
    double: MastodonDouble, settings: Settings
) -> None:
    async def act() -> None:
        await double.listeners.wait_for_one()
        status = await double.post("<p>Flood in <b>Jakarta</b></p>")
        await double.edit(status, "<p>Flood in Bandung</p>")
        await double.listeners.send(event("filters_changed", "undefined") + b":thump\n")
        await double.delete(status)

    reader = Reader(Mastodon.of(settings))
    await _read_while(reader, 3, act())
    assert reader.texts == ["Flood in Jakarta", "Flood in Bandung"]
    ids = {item.post.id for item in reader.items if isinstance(item, ReadPost)}
    host = double.url.removeprefix("http://")
    assert ids == {f"{host}/115000000000000000"} == set(reader.deletions)


async def test_the_gap_is_read_once_the_stream_is_back(double: MastodonDouble, settings: Settings) -> None:
    first = await double.post("<p>0</p>")
    for number in range(1, 101):
        await double.post(f"<p>{number}</p>")

    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.post("<p>101</p>")

    reader = Reader(Mastodon.of(settings), cursor=first["id"])
    await _read_while(reader, 102, act())
    assert sorted(set(map(int, reader.texts)) - {0}) == list(range(1, 102))
    assert reader.cursor == double.statuses[-1]["id"]


async def test_nothing_is_lost_or_invented_over_drops_and_half_events(
    double: MastodonDouble, settings: Settings
) -> None:
    async def act() -> None:
        for number in range(60):
            await double.listeners.wait_for_one()
            if number % 10 == 5:
                half = event("update", json.dumps(make_status(number, f"<p>{number}</p>")))[:-40]
                await double.listeners.send(half)
                double.listeners.drop()
            await double.post(f"<p>{number}</p>")
            await asyncio.sleep(0.005)
        await double.listeners.wait_for_one()
        await double.post("<p>60</p>")

    reader = Reader(Mastodon.of(settings))
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(act())
        await reader.until(lambda: "60" in reader.texts)
    assert {int(text) for text in reader.texts} == set(range(61))
    assert reader.num_connections >= 6
    assert reader.bad == []


async def test_a_first_start_takes_what_comes_and_not_what_was(
    double: MastodonDouble, settings: Settings
) -> None:
    await double.post("<p>old</p>")

    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.post("<p>new</p>")

    reader = Reader(Mastodon.of(settings))
    await _read_while(reader, 1, act())
    assert reader.texts == ["new"]


async def test_what_comes_after_the_start_is_not_lost_with_the_first_connection(
    double: MastodonDouble, settings: Settings
) -> None:
    await double.post("<p>old</p>")
    double.prepare(_STREAM, pieces(b":)\n", content_type=_EVENTS))
    reader = Reader(Mastodon.of(settings))
    await reader.until_end()
    await double.post("<p>new</p>")
    await reader.until(lambda: "new" in reader.texts)


async def test_a_hashtag_that_nobody_has_used_yet_can_be_waited_for(
    double: MastodonDouble, settings: Settings
) -> None:
    for path in ("/api/v1/timelines/tag/flood",) * 2:
        double.prepare(path, status(404, '{"error": "Record not found"}'))

    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.post("<p>first</p>")

    reader = Reader(Mastodon.of(settings.model_copy(update={"source_stream": "hashtag:flood"})))
    await _read_while(reader, 1, act())
    assert reader.texts == ["first"]


async def test_a_used_up_rate_limit_is_waited_for_with_the_pages_so_far(
    double: MastodonDouble, settings: Settings
) -> None:
    for number in range(100):
        await double.post(f"<p>{number}</p>")
    double.requests_left = 1
    reader = Reader(Mastodon.of(settings), cursor="1")
    await reader.until_end()
    [failure] = reader.failures
    assert (failure.is_rate_limit, failure.retry_after) == (True, 0.0)
    assert [int(text) for text in reader.texts] == list(range(40))
    assert reader.cursor == double.statuses[39]["id"]


async def test_events_that_are_no_posts_cost_no_other(double: MastodonDouble, settings: Settings) -> None:
    good = event("update", json.dumps(make_status(1, "<p>good</p>")))
    large = event("update", json.dumps(make_status(2, "x" * 200_000)))
    not_utf8 = event("update", json.dumps(make_status(3, "caf#"))).replace(b"#", b"\xe9")
    double.prepare(
        _STREAM,
        pieces(event("update", "{") + good + large, not_utf8, event("update", "null"), content_type=_EVENTS),
    )
    reader = Reader(Mastodon.of(settings))
    await reader.until_end()
    assert reader.texts == ["good", "caf\ufffd"]
    assert len(reader.bad) == 3


async def test_a_wrong_token_names_its_setting(double: MastodonDouble, settings: Settings) -> None:
    assert settings.source_token_file is not None
    settings.source_token_file.write_text("wrong-token")
    reader = Reader(Mastodon.of(settings))
    with pytest.raises(SourceRefusedError, match="check the token in TOCSIN_SOURCE_TOKEN_FILE") as raised:
        await reader.until_end()
    assert "wrong-token" not in str(raised.value)
    settings.source_token_file.write_text(TOKEN)  # the file is read anew

    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.post("<p>a</p>")

    await _read_while(reader, 1, act())


async def test_rate_limits_and_gateways_are_waited_for(double: MastodonDouble, settings: Settings) -> None:
    double.prepare(_STREAM, status(429, X_RateLimit_Reset="2020-01-01T00:00:00Z"), html_page(), status(502))
    reader = Reader(Mastodon.of(settings))
    for _ in range(3):
        await reader.until_end()
    assert [failure.is_rate_limit for failure in reader.failures] == [True, False, False]


async def test_the_stream_may_be_on_another_host(double: MastodonDouble, settings: Settings) -> None:
    streaming = MastodonDouble()
    async with streaming.running():
        double.streaming_host = streaming.url.removeprefix("http://")

        async def act() -> None:
            await streaming.listeners.wait_for_one()
            await streaming.post("<p>a</p>")

        await _read_while(Reader(Mastodon.of(settings)), 1, act())
    assert double.count(_STREAM) == 0


@pytest.mark.parametrize("named", ["{}", '{"configuration": {"urls": {"streaming": 7}}}', "[]"])
async def test_an_instance_that_names_no_streaming_host_streams_itself(
    double: MastodonDouble, settings: Settings, named: str
) -> None:
    double.prepare("/api/v2/instance", status(200, named, Content_Type="application/json"))

    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.post("<p>a</p>")

    await _read_while(Reader(Mastodon.of(settings)), 1, act())


async def test_a_server_without_min_id_is_not_asked_for_ever(
    double: MastodonDouble, settings: Settings
) -> None:
    """It gives its newest posts again and again: those are no further page."""
    statuses = [make_status(number, f"<p>{number}</p>") for number in range(30, 0, -1)]
    double.prepare(
        "/api/v1/timelines/public", *[status(200, json.dumps(statuses), content_type="application/json")] * 9
    )

    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.listeners.send(event("update", json.dumps(make_status(31, "<p>31</p>"))))

    reader = Reader(Mastodon.of(settings), cursor=make_status(0, "")["id"])
    await _read_while(reader, 31, act())
    assert sorted(map(int, reader.texts)) == list(range(1, 32))
    assert double.count("/api/v1/timelines/public") == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source_url": None}, "TOCSIN_SOURCE_URL: expected the address of one Mastodon instance"),
        ({"source_url": "https://a.example,https://b.example"}, "of one Mastodon instance"),
        (
            {"source_url": "https://a.example?access_token=hidden"},
            r"^TOCSIN_SOURCE_URL: expected the address of one Mastodon instance: \S+$",
        ),
        (
            {"source_token_file": Path("no-such-file")},
            "TOCSIN_SOURCE_TOKEN_FILE='no-such-file': cannot be read",
        ),
        ({"source_token_file": None}, "TOCSIN_SOURCE_TOKEN_FILE: not set"),
        ({"source_token_file": Path("/no/such")}, "TOCSIN_SOURCE_TOKEN_FILE='/no/such': cannot be read"),
        ({"source_stream": "user"}, "TOCSIN_SOURCE_STREAM=user: expected public"),
        ({"source_stream": "hashtag:a/../b"}, "TOCSIN_SOURCE_STREAM=hashtag:a/../b: expected"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: Settings, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Mastodon.of(settings.model_copy(update=fields))


def test_each_stream_has_its_own_cursor(settings: Settings) -> None:
    streams = [None, "public:local", "hashtag:flood"]
    keys = {Mastodon.of(settings.model_copy(update={"source_stream": stream})).key for stream in streams}
    assert len(keys) == len(streams)
