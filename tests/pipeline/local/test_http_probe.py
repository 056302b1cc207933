import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipeline.local.http_probe import AgentProbe, answers_http
from pipeline.local.process import find_free_port


@asynccontextmanager
async def _serving(answer: str) -> AsyncIterator[str]:
    """Give the URL of a server that answers every request with this, and then closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/readyz"


def _http(status: str, body: str) -> str:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        (_http("200 OK", "ok"), True),
        (_http("503 Service Unavailable", "loading"), False),
        (_http("404 Not Found", ""), False),
        ("not HTTP", False),
        ("", False),
    ],
)
async def test_only_an_answer_with_success_counts(answer: str, is_ready: bool) -> None:
    """A server that still loads, or that speaks another protocol, is not ready."""
    async with _serving(answer) as url:
        assert await answers_http(url) is is_ready


async def test_a_port_without_a_server_is_not_ready() -> None:
    """A refused connection means "not ready", and is not an error."""
    assert not await answers_http(f"http://127.0.0.1:{find_free_port()}/")


async def test_a_proxy_of_the_user_is_not_asked_for_loopback_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy is for the web, and cannot reach this machine."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{find_free_port()}")
    async with _serving(_http("200 OK", "ok")) as url:
        assert await answers_http(url)


async def test_an_agent_that_is_not_ready_says_what_it_waits_for() -> None:
    """State and reason come with status 503; a ready agent has no reason."""
    refusal = '{"ready": false, "state": "refused", "reason": "an ACL is missing"}'
    async with _serving(_http("503 Service Unavailable", refusal)) as url:
        probe = AgentProbe(url)
        assert not await probe()
        assert probe.reason == "refused: an ACL is missing"
    async with _serving(_http("200 OK", '{"ready": true, "state": "joined", "reason": ""}')) as url:
        probe = AgentProbe(url)
        assert await probe()
        assert probe.reason == "joined"


async def test_an_agent_that_does_not_answer_yet_is_loading() -> None:
    """The agent serves its probes before anything else; before that it loads modules."""
    probe = AgentProbe("http://127.0.0.1:1/readyz")
    assert not await probe()
    assert probe.reason == "loading"
