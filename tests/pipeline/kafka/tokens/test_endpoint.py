"""A token from an OIDC endpoint; the endpoint is a fake over real HTTP and TLS."""

import asyncio
import base64
import ssl
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from pipeline.errors import TokenRefusedError, TokenUnavailableError
from pipeline.kafka.tokens.endpoint import Client, TokenEndpoint
from pipeline.local.process import find_free_port
from pipeline.settings.secret_files import authorities
from tests.pipeline.kafka.secured_kafka import make_certificate, write_authority
from tests.pipeline.kafka.tokens.served_tokens import fake_endpoint, unsigned_token

_CLIENT = Client("tocsin", SecretStr("hunter2"), scope="api://kafka/.default")
_TLS = ssl.create_default_context()


async def test_the_request_is_that_of_client_credentials() -> None:
    """Client and secret are in the header alone, each encoded as forms are; `expires_in` says when the token ends."""
    async with fake_endpoint(lifetime_seconds=100.0) as endpoint:
        client = Client("a:b", SecretStr("c d%"), scope="s")
        token = await TokenEndpoint(endpoint.url, client, _TLS).fetch()
        [(authorization, form)] = endpoint.asked
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"a%3Ab:c+d%25"
    assert form == {"grant_type": "client_credentials", "scope": "s"}
    assert token.expires_at == pytest.approx(time.time() + 100, abs=5)
    assert token.subject == "tocsin"


@pytest.mark.parametrize("scope", [None, ""])
async def test_no_scope_is_asked_for_if_none_is_set(scope: str | None) -> None:
    """Some servers would answer an empty scope with an error."""
    async with fake_endpoint() as endpoint:
        await TokenEndpoint(endpoint.url, Client("a", SecretStr("b"), scope), _TLS).fetch()
        assert endpoint.asked[0][1] == {"grant_type": "client_credentials"}


_GOOD = {"access_token": "abc", "token_type": "bearer"}


@pytest.mark.parametrize(
    ("answer", "lifetime_seconds"),
    [(_GOOD, None), ({**_GOOD, "expires_in": "90"}, 90), ({"access_token": "abc", "expires_in": 90.5}, 90.5)],
)
async def test_a_token_is_read_from_the_answers_of_real_servers(
    answer: dict[str, Any], lifetime_seconds: float | None
) -> None:
    """The token's kind may be missing or in any case, and its time may be missing or a text."""
    async with fake_endpoint(answer=orjson.dumps(answer)) as endpoint:
        token = await TokenEndpoint(endpoint.url, _CLIENT, _TLS).fetch()
    if lifetime_seconds is None:
        assert token.expires_at is None
    else:
        assert token.expires_at == pytest.approx(time.time() + lifetime_seconds, abs=5)


@pytest.mark.parametrize(
    ("status", "answer", "error", "message"),
    [
        (401, {"error": "invalid_client"}, TokenRefusedError, r"401 \(invalid_client\): .*CLIENT_SECRET$"),
        (401, "no", TokenRefusedError, "answers 401: check TOCSIN_KAFKA_TOKEN_CLIENT_ID"),
        (400, {"error": "invalid_scope"}, TokenRefusedError, r"\(invalid_scope\): .*TOKEN_SCOPE$"),
        (400, {"error": "hunter2 is wrong"}, TokenRefusedError, "answers 400: check TOCSIN_KAFKA_TOKEN_URL$"),
        (404, "", TokenRefusedError, "answers 404: check TOCSIN_KAFKA_TOKEN_URL"),
        (429, "", TokenUnavailableError, "answers 429"),
        (500, "hunter2", TokenUnavailableError, "answers 500"),
        (503, {"error": "invalid_client"}, TokenUnavailableError, "answers 503"),
        (200, "<html>", TokenRefusedError, "no access_token in JSON: check TOCSIN_KAFKA_TOKEN_URL"),
        (200, [], TokenRefusedError, "no access_token in JSON"),
        (200, {"access_token": 1}, TokenRefusedError, "no access_token in JSON"),
        (200, {**_GOOD, "access_token": "hunter2 x"}, TokenRefusedError, "something else than one token"),
        (200, {**_GOOD, "token_type": "mac"}, TokenRefusedError, "token_type is not Bearer"),
        (200, {**_GOOD, "expires_in": -1}, TokenRefusedError, "expires_in"),
        (200, {**_GOOD, "expires_in": "soon"}, TokenRefusedError, "expires_in"),
        (200, {**_GOOD, "x": "y" * 300_000}, TokenRefusedError, "no access_token in JSON"),
        (200, '{"access_token": "abc"}' + " " * 300_000, TokenRefusedError, "no access_token in JSON"),
    ],
)
async def test_an_answer_that_is_not_a_token_is_reported_by_its_kind(
    status: int, answer: object, error: type[Exception], message: str
) -> None:
    """Failures that may pass and lasting ones have their own errors; server text and our secret stay hidden."""
    body = answer.encode() if isinstance(answer, str) else orjson.dumps(answer)
    async with fake_endpoint(status=status, answer=body) as endpoint:
        with pytest.raises(error, match=message) as caught:
            await TokenEndpoint(endpoint.url, _CLIENT, _TLS).fetch()
        assert f"TOCSIN_KAFKA_TOKEN_URL='{endpoint.url}'" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_redirection_is_not_followed() -> None:
    """No setting allows sending our secret to the target of a redirection."""
    async with (
        fake_endpoint() as other,
        fake_endpoint(status=307, answer=b"", headers={"Location": other.url}) as endpoint,
    ):
        with pytest.raises(TokenRefusedError, match="answers 307"):
            await TokenEndpoint(endpoint.url, _CLIENT, _TLS).fetch()
        assert other.asked == []


async def test_an_endpoint_that_is_away_or_hangs_is_an_outage() -> None:
    """Without a server, a host or an answer, and if the connection is closed, the agent waits."""
    closing = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    is_left = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        is_left.set()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with closing, silent:
        for host, port in (
            ("127.0.0.1", find_free_port()),
            ("no-such-host.invalid", 80),
            closing.sockets[0].getsockname(),
        ):
            with pytest.raises(TokenUnavailableError, match="/token' cannot be reached"):
                await TokenEndpoint(f"http://{host}:{port}/token", _CLIENT, _TLS).fetch()
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/token"
        with pytest.raises(TokenUnavailableError, match=r"does not answer within 0.5 s"):
            await TokenEndpoint(url, _CLIENT, _TLS, max_seconds=0.5).fetch()
        await asyncio.wait_for(is_left.wait(), 10)


async def test_the_certificate_is_checked(tmp_path: Path) -> None:
    """A named authority is trusted, another is not, and plain HTTP behind an https URL is reported as such."""
    authority = make_certificate(tmp_path / "ca-with-key.pem", "authority")
    trusted = authorities(write_authority(tmp_path / "ca.pem", authority), "kafka_token_ca_file")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(make_certificate(tmp_path / "server.pem", "server", signer=authority).file)
    answer = orjson.dumps({"access_token": unsigned_token()})
    async with fake_endpoint(server, answer=answer) as endpoint, fake_endpoint() as plain:
        assert await TokenEndpoint(endpoint.url, _CLIENT, trusted).fetch()
        with pytest.raises(TokenRefusedError, match=r"no TLS connection .*TOCSIN_KAFKA_TOKEN_CA_FILE"):
            await TokenEndpoint(endpoint.url, _CLIENT, _TLS).fetch()
        assert len(endpoint.asked) == 1
        with pytest.raises(TokenRefusedError, match="no TLS connection"):
            await TokenEndpoint(plain.url.replace("http:", "https:"), _CLIENT, trusted).fetch()
        assert plain.asked == []
