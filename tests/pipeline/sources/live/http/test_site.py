from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.sources.live.http.site import Site
from tests.pipeline.sources.live.doubles.http_double import HttpDouble, html_page, pieces, status

_TOKEN = "secret-of-this-test"
_STREAM = "text/event-stream"


@pytest.fixture
async def double() -> AsyncIterator[HttpDouble]:
    server = HttpDouble()
    async with server.running():
        yield server


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{_TOKEN}\n")
    return file


async def _read(site: Site) -> bytes:
    async with site, site.stream("/stream", content_type=_STREAM) as parts:
        return b"".join([part async for part in parts])


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (401, SourceRefusedError, "401 (Unauthorized): check the token in TOCSIN_SOURCE_TOKEN_FILE"),
        (403, SourceRefusedError, "the token in TOCSIN_SOURCE_TOKEN_FILE does not give access to this"),
        (404, SourceRefusedError, "404 (Not Found): check TOCSIN_SOURCE_URL"),
        (409, SourceUnavailableError, "409 (Conflict)"),
        (429, SourceUnavailableError, "429 (Too Many Requests)"),
        (503, SourceUnavailableError, "503 (Service Unavailable)"),
        (599, SourceUnavailableError, "599 (unknown status)"),
        (304, SourceRefusedError, "304 (Not Modified)"),
    ],
)
async def test_each_status_has_its_meaning(
    double: HttpDouble, token_file: Path, code: int, error: type[Exception], said: str
) -> None:
    double.prepare("/stream", status(code, f"you sent {_TOKEN}", Retry_After="7"))
    with pytest.raises(error) as raised:
        await _read(Site(double.url, "Double", token_file=token_file))
    assert f"Double at {double.url} answers" in str(raised.value)
    assert said in str(raised.value)
    assert _TOKEN not in str(raised.value)
    if isinstance(raised.value, SourceUnavailableError):
        assert raised.value.retry_after == 7.0
        assert raised.value.is_rate_limit == (code == 429)


async def test_the_token_goes_to_the_server_and_nowhere_else(double: HttpDouble, token_file: Path) -> None:
    other = HttpDouble()
    async with other.running():
        double.prepare("/stream", status(302, Location=f"{other.url}/stream"))
        with pytest.raises(
            SourceRefusedError, match=r"redirects to 127\.0\.0\.1, which does not get the token"
        ):
            await _read(Site(double.url, "Double", token_file=token_file))
        assert other.seen == []
    assert double.seen[0][1]["Authorization"] == f"Bearer {_TOKEN}"


async def test_a_redirect_within_the_server_is_followed(double: HttpDouble, token_file: Path) -> None:
    double.prepare("/stream", status(307, Location="/moved"))
    double.prepare("/moved", pieces(b"a", b"b", content_type=_STREAM, then="end"))
    assert await _read(Site(double.url, "Double", token_file=token_file)) == b"ab"
    assert double.seen[1][1]["Authorization"] == f"Bearer {_TOKEN}"


async def test_redirects_in_a_circle_end(double: HttpDouble, token_file: Path) -> None:
    double.prepare("/stream", *[status(302, Location="/stream")] * 20)
    with pytest.raises(SourceUnavailableError, match="in a circle"):
        await _read(Site(double.url, "Double", token_file=token_file))


async def test_a_web_page_with_status_200_is_no_stream(double: HttpDouble) -> None:
    double.prepare("/stream", html_page())
    with pytest.raises(SourceUnavailableError, match="answers with 'text/html', expected text/event-stream"):
        await _read(Site(double.url, "Double", token_file=None))


async def test_a_compressed_stream_is_not_read(double: HttpDouble) -> None:
    async def compressed(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"", headers={"Content-Type": _STREAM, "Content-Encoding": "gzip"})

    double.prepare("/stream", compressed)
    with pytest.raises(SourceUnavailableError, match="expected text/event-stream"):
        await _read(Site(double.url, "Double", token_file=None))


@pytest.mark.parametrize(
    ("then", "said"),
    [("drop", r"cannot be read \(RemoteProtocolError\)"), ("stall", "says nothing for 0.2 s")],
)
async def test_a_stream_that_breaks_off_or_stalls_is_unavailable(
    double: HttpDouble, then: str, said: str
) -> None:
    double.prepare("/stream", pieces(b"a\n", content_type=_STREAM, then=then))

    async def read() -> None:
        async with (
            Site(double.url, "Double", token_file=None, stall_seconds=0.2) as site,
            site.stream("/stream", content_type=_STREAM) as stream,
        ):
            async for _ in stream:
                pass

    with pytest.raises(SourceUnavailableError, match=said):
        await read()


async def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(SourceUnavailableError, match=r"cannot be read \(ConnectError\)"):
        await _read(Site("http://127.0.0.1:9", "Double", token_file=None))


async def test_what_is_not_json_is_unavailable(double: HttpDouble) -> None:
    double.prepare("/json", status(200, "{", Content_Type="application/json"))
    async with Site(double.url, "Double", token_file=None) as site:
        with pytest.raises(SourceUnavailableError, match="not JSON"):
            await site.get("/json")


async def test_a_body_the_server_does_not_want_blames_the_settings(double: HttpDouble) -> None:
    double.prepare("/rules", status(400, "bad rule"))
    async with Site(double.url, "Double", token_file=None) as site:
        with pytest.raises(SourceRefusedError, match=r"400.*: check TOCSIN_SOURCE_WORDS"):
            await site.post("/rules", {}, blame="TOCSIN_SOURCE_WORDS")


async def test_the_token_is_in_no_log(
    double: HttpDouble, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    double.prepare("/stream", pieces(b"a", content_type=_STREAM))
    with pytest.raises(SourceUnavailableError):
        await _read(Site(double.url, "Double", token_file=token_file))
    assert "127.0.0.1" in caplog.text
    assert _TOKEN not in caplog.text


def test_a_token_that_cannot_be_read_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TOCSIN_SOURCE_TOKEN_FILE="):
        Site("http://127.0.0.1:9", "Double", token_file=tmp_path / "none")


@pytest.mark.parametrize("token", ["two words", "caf\u00e9-token", "Bearer token"])
def test_what_can_be_no_token_is_refused_and_not_shown(tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(SettingsError, match="expected a token of letters") as raised:
        Site("http://127.0.0.1:9", "Double", token_file=file)
    assert token not in str(raised.value)
