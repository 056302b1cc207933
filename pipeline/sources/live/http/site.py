"""A server that a source reads over HTTP: its token, its answers, and which of its refusals pass.

The token goes to the server that the settings name, and nowhere else: a redirect to another server is an error. No
error and no log line holds the token, or what the server says in a body, since some servers repeat the request there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from pipeline.errors import SourceRefusedError, SourceUnavailableError
from pipeline.settings.checks import variable_of
from pipeline.settings.secret_files import mistake, read_secret
from pipeline.sources.live.http.limits import wait_seconds

_TOKEN_FORM = re.compile(r"[\x21-\x7e]+")
LOOPBACK = re.compile(r"https?://(localhost|127\.|\[::1\])", re.IGNORECASE)
_URL, _TOKEN = variable_of("source_url"), variable_of("source_token_file")
# Of a stream, read at once: some hundred posts.
GATHERED_BYTES = 2**19
_MAX_BODY_BYTES = 8_000_000
_CONNECT_SECONDS = 10.0
_MAX_REDIRECTS = 5


class StatusUnavailableError(SourceUnavailableError):
    """The server answers with the status of a failure that passes."""


class StatusRefusedError(SourceRefusedError):
    """The server answers with the status of a refusal."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


# Statuses that pass without a change of settings, apart from those from 500 on.
_PASSING = frozenset({408, 409, 421, 423, 425})


class Site:
    """Sends requests to one server; a context manager, which disconnects at its end.

    Args:
        url: without a path.
        what: what the server is ("Mastodon"), for errors.
        token_file: holds the token; None: the requests have none.
        stall_seconds: how long a server may say nothing.

    Raises:
        SettingsError: the token cannot be read.
    """

    def __init__(self, url: str, what: str, *, token_file: Path | None, stall_seconds: float = 40.0) -> None:
        self.server = f"{what} at {url}"
        self._stall_seconds = stall_seconds
        headers = {
            "User-Agent": "tocsin",
            "Accept-Encoding": "identity",  # a small compressed piece may become a large one
        }
        if token_file is not None:
            headers["Authorization"] = f"Bearer {read_token(token_file)}"
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(stall_seconds, connect=_CONNECT_SECONDS),
            # A proxy that the environment names is not for servers on this machine.
            trust_env=not LOOPBACK.match(url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> tuple[Any, httpx.Headers]:
        """Return the JSON that the server answers, and the headers.

        Raises:
            SourceUnavailableError: the server is away or busy, or its answer is not JSON.
            SourceRefusedError: it refuses us until a setting changes.
        """
        return await self._json(self._http.build_request("GET", path, params=params))

    async def post(self, path: str, body: Any, *, blame: str) -> Any:
        """Send JSON, and return the JSON that the server answers; raises what `get` raises.

        Args:
            blame: the settings to check if the server does not want the body.
        """
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        request = self._http.build_request("POST", path, content=content, headers=headers)
        return (await self._json(request, blame))[0]

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str] | None = None, *, content_type: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give an iterator over what the server sends, in pieces as they come.

        Args:
            content_type: what the answer must be, without parameters.

        Raises:
            SourceUnavailableError: the server is away or busy, gives something else, or breaks off; the iterator
                raises it too.
            SourceRefusedError: it refuses us until a setting changes.
        """
        request = self._http.build_request("GET", path, params=params, headers={"Accept": content_type})
        with self._translated():
            response = await self._send(request)
            try:
                self._check_form(response, content_type)
                yield response.aiter_raw()
            finally:
                await response.aclose()

    async def _json(self, request: httpx.Request, blame: str = _URL) -> tuple[Any, httpx.Headers]:
        with self._translated():
            async with asyncio.timeout(self._stall_seconds):
                response = await self._send(request, blame)
                try:
                    self._check_form(response, "application/json")
                    body = await read_bounded(response.aiter_raw(), _MAX_BODY_BYTES)
                finally:
                    await response.aclose()
        try:
            return msgspec.json.decode(body), response.headers
        except (msgspec.DecodeError, RecursionError, TypeError) as error:
            raise SourceUnavailableError(f"{self.server} answers something that is not JSON") from error

    async def _send(self, request: httpx.Request, blame: str = _URL) -> httpx.Response:
        """Return the answer with its body unread; follows redirects within the server."""
        for _ in range(_MAX_REDIRECTS):
            response = await self._http.send(request, stream=True)
            if response.status_code < 300:
                return response
            await response.aclose()
            if response.next_request is None:
                raise self._failure(response, blame)
            if not _is_same_server(request.url, response.next_request.url):
                raise SourceRefusedError(
                    f"{self.server} redirects to {response.next_request.url.host}, which does not get the token: "
                    f"set {_URL} to the server that is meant"
                )
            request = response.next_request
        raise SourceUnavailableError(f"{self.server} redirects in a circle")

    def _check_form(self, response: httpx.Response, content_type: str) -> None:
        found = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != content_type or response.headers.get("content-encoding", "identity") != "identity":
            shown = repr(found[:60]) if found else "no content type"
            raise SourceUnavailableError(
                f"{self.server} answers with {shown}, expected {content_type}: a gateway's page, or check {_URL}"
            )

    def _failure(self, response: httpx.Response, blame: str) -> SourceUnavailableError | SourceRefusedError:
        """Return the error that this status means."""
        status = response.status_code
        phrase = httpx.codes.get_reason_phrase(status) or "unknown status"
        said = f"{self.server} answers {status} ({phrase})"
        match status:
            case 401:
                return StatusRefusedError(f"{said}: check the token in {_TOKEN}", status)
            case 403:
                return StatusRefusedError(
                    f"{said}: the token in {_TOKEN} does not give access to this", status
                )
            case 429:
                wait = wait_seconds(response.headers)
                return StatusUnavailableError(said, retry_after=wait, is_rate_limit=True)
            case _ if status >= 500 or status in _PASSING:
                return StatusUnavailableError(said, retry_after=wait_seconds(response.headers))
        return StatusRefusedError(f"{said}: check {blame}", status)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate errors of the connection."""
        try:
            yield
        except (httpx.ReadTimeout, TimeoutError) as error:
            raise SourceUnavailableError(
                f"{self.server} says nothing for {self._stall_seconds:g} s"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # The name of the error and not its text: that may hold an address with a key in it.
            cause = type(error).__name__
            raise SourceUnavailableError(f"{self.server} cannot be read ({cause})") from error


def read_token(file: Path) -> str:
    """Return the token in the file; raises SettingsError. A source calls it too, so that a mistake is said at once."""
    token = read_secret(file, "source_token_file", what="the token").get_secret_value()
    if not _TOKEN_FORM.fullmatch(token):  # else the HTTP client raises an error that shows it
        raise mistake(
            "source_token_file", file, "expected a token of letters, digits and signs, without a blank"
        )
    return token


async def read_bounded(pieces: AsyncIterator[bytes], max_bytes: int) -> bytes:
    """Return all pieces as one.

    Raises:
        SourceUnavailableError: they are larger than the bound.
    """
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise SourceUnavailableError(f"an answer of more than {max_bytes} bytes")
    return bytes(body)


def _is_same_server(left: httpx.URL, right: httpx.URL) -> bool:
    return (left.scheme, left.host, left.port) == (right.scheme, right.host, right.port)
