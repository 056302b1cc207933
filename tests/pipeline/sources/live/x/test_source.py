from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from pipeline.errors import SettingsError, SourceRefusedError
from pipeline.formats.format import ReadPost
from pipeline.settings import Settings
from pipeline.sources.live.source import Filter
from pipeline.sources.live.x.source import X
from tests.pipeline.sources.live.doubles.http_double import html_page, pieces, status
from tests.pipeline.sources.live.doubles.x import STREAM, TOKEN, XDouble, make_line
from tests.pipeline.sources.live.reading import Reader

_JSON = "application/json"


@pytest.fixture
async def double() -> AsyncIterator[XDouble]:
    server = XDouble()
    server.add_rule("flood")
    async with server.running():
        yield server


@pytest.fixture
def settings(double: XDouble, tmp_path: Path) -> Settings:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    return Settings(source_url=double.url, source_token_file=token_file)


async def _read_while(reader: Reader, number: int, act: Any) -> None:
    """Read until this many items have come, while `act` makes them."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(act)
        await reader.until(lambda: len(reader.items) >= number)


async def test_a_post_comes_whole_with_its_author(double: XDouble, settings: Settings) -> None:
    async def act() -> None:
        await double.listeners.wait_for_one()
        await double.listeners.send(
            make_line(1, "cut off…", note_tweet={"text": "Flood in Jakarta, all of it"})
        )

    reader = Reader(X.of(settings))
    await _read_while(reader, 1, act())
    [item] = reader.items
    assert isinstance(item, ReadPost)
    assert (item.post.text, item.post.author) == ("Flood in Jakarta, all of it", "desk")
    query = parse_qs(double.seen[-1][0].partition("?")[2])
    assert "note_tweet" in query["tweet.fields"][0]
    assert "referenced_tweets.id.author_id" in query["expansions"][0]
    assert "backfill_minutes" not in query


async def test_half_lines_and_drops_lose_and_invent_nothing(double: XDouble, settings: Settings) -> None:
    lines = [make_line(number, f"post {number}") for number in range(4)]
    double.prepare(
        STREAM,
        pieces(lines[0][:50], lines[0][50:] + lines[1] + lines[2][:-2], content_type=_JSON),
        pieces(lines[2] + b"\r\n\r\n" + lines[3], content_type=_JSON),
    )
    reader = Reader(X.of(settings))
    await reader.until(lambda: len(reader.items) == 4)
    assert reader.texts == [f"post {number}" for number in range(4)]
    assert reader.bad == []
    assert [failure.retry_after for failure in reader.failures] == [0.0]


async def test_a_message_with_which_x_ends_the_stream_costs_no_post(
    double: XDouble, settings: Settings
) -> None:
    end = {
        "errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect"}]
    }
    connections = {"errors": [{"title": "ConnectionException", "connection_issue": "TooManyConnections"}]}
    double.prepare(
        STREAM,
        pieces(make_line(1, "a") + json.dumps(end).encode() + b"\r\n", content_type=_JSON),
        pieces(json.dumps(connections).encode() + b"\r\n", content_type=_JSON),
    )
    reader = Reader(X.of(settings))
    await reader.until_end()
    await reader.until_end()
    assert reader.texts == ["a"]
    first, second = reader.failures
    assert str(first) == "X ends the stream: operational-disconnect"
    assert (first.is_rate_limit, second.is_rate_limit) == (False, True)
    assert second.retry_after == 120.0


async def test_a_post_with_partial_errors_is_a_post(double: XDouble, settings: Settings) -> None:
    document = json.loads(make_line(1, "a")) | {"errors": [{"title": "Not Found Error"}]}
    double.prepare(STREAM, pieces(json.dumps(document).encode() + b"\r\n", content_type=_JSON))
    reader = Reader(X.of(settings))
    await reader.until_end()
    assert reader.texts == ["a"]


async def test_lines_that_are_no_posts_cost_no_other(double: XDouble, settings: Settings) -> None:
    bad = b"{\r\n<html>\r\n[]\r\n\xff\xfe\r\n" + b"x" * 200_000 + b"\r\n"
    double.prepare(STREAM, pieces(bad + make_line(1, "a"), content_type=_JSON))
    reader = Reader(X.of(settings))
    await reader.until_end()
    assert reader.texts == ["a"]
    assert len(reader.bad) >= 4


async def test_what_comes_by_rules_of_others_alone_is_skipped(double: XDouble, settings: Settings) -> None:
    others = double.add_rule("from:desk", "someone's")
    source = X.of(settings.model_copy(update={"source_words": "quake"}))
    assert source.filters == {Filter.WORDS, Filter.LANGUAGES}

    async def act() -> None:
        await double.listeners.wait_for_one()
        [ours] = [rule["id"] for rule in double.rules if rule["tag"] == "tocsin"]
        for number, rules in enumerate([(others,), (others, ours), (ours,)]):
            await double.listeners.send(make_line(number, f"post {number}", *rules))

    reader = Reader(source)
    await _read_while(reader, 2, act())
    assert reader.texts == ["post 1", "post 2"]


async def test_missed_minutes_are_asked_for_if_the_setting_allows(
    double: XDouble, settings: Settings
) -> None:
    source = X.of(settings.model_copy(update={"source_backfill_minutes": 5}))
    for ago, minutes in [(90, "2"), (3_600, "5")]:
        double.prepare(STREAM, pieces(content_type=_JSON))
        await Reader(source, cursor=str(int(time.time()) - ago)).until_end()
        assert parse_qs(double.seen[-1][0].partition("?")[2])["backfill_minutes"] == [minutes]


async def test_a_wrong_token_names_its_setting(double: XDouble, settings: Settings) -> None:
    assert settings.source_token_file is not None
    settings.source_token_file.write_text("wrong-token")
    with pytest.raises(SourceRefusedError, match="check the token in TOCSIN_SOURCE_TOKEN_FILE") as raised:
        await Reader(X.of(settings)).until_end()
    assert "wrong-token" not in str(raised.value)


async def test_refusals_that_pass_are_waited_for(double: XDouble, settings: Settings) -> None:
    reset = str(int(time.time()) + 100)
    double.prepare(STREAM, status(429, x_rate_limit_reset=reset), status(503), status(429), html_page())
    reader = Reader(X.of(settings))
    for _ in range(4):
        await reader.until_end()
    waits = [failure.retry_after or 0.0 for failure in reader.failures]
    assert 90.0 < waits[0] <= 100.0
    assert waits[1:] == [10.0, 240.0, 0.75]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source_token_file": None}, "TOCSIN_SOURCE_TOKEN_FILE: not set"),
        ({"source_token_file": Path("/no/such")}, "TOCSIN_SOURCE_TOKEN_FILE='/no/such': cannot be read"),
        ({"source_url": "wss://api.example"}, "TOCSIN_SOURCE_URL: expected one address"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: Settings, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        X.of(settings.model_copy(update=fields))
