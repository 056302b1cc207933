"""Posts of Bluesky, by Jetstream: a WebSocket that needs no key.

Jetstream's cursor is a time, the `time_us` of an event, so it holds for every instance. A new connection repeats some
seconds: events of one moment may come in another order. https://bsky.network/docs/jetstream/ describes the protocol;
this is its `/subscribe`, which every release serves.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError
from pipeline.printable import printable
from pipeline.settings import Settings, assignment
from pipeline.sources.live.documents import Documents
from pipeline.sources.live.gathering import in_batches
from pipeline.sources.live.source import Batch, Filter, source_key

logger = logging.getLogger(__name__)

NAME = "bluesky"
# https://bsky.network/docs/jetstream/ names them as public.
PUBLIC_URLS = (
    "wss://jetstream2.us-east.bsky.network/subscribe",
    "wss://jetstream1.us-east.bsky.network/subscribe",
    "wss://jetstream2.us-west.bsky.network/subscribe",
    "wss://jetstream1.us-west.bsky.network/subscribe",
)
_COLLECTION = "app.bsky.feed.post"
REWIND_SECONDS = 3.0
# A post has at most 300 characters; the rest of its record is links, labels and pictures' descriptions.
_MAX_EVENT_BYTES = 2**20
# A larger message ends the connection, and would end the next one too: so the server is asked to leave those out.
_MAX_MESSAGE_BYTES = 8 * 2**20
# A connection whose other end has gone shows within a minute.
_PING_SECONDS = 20.0
_PONG_SECONDS = 30.0
_OPEN_SECONDS = 15.0
_CLOSE_SECONDS = 1.0
_MICROSECONDS = 1_000_000
# Bluesky as a whole is never silent for so long.
_GAP_SECONDS = 600.0
_SILENT = "the connection to Jetstream is silent: no answer to a ping"
# Before it lies no Bluesky; beyond an hour from now lies no clock.
_MIN_TIME_US = 1_600_000_000 * _MICROSECONDS
_MAX_AHEAD_US = 3600 * _MICROSECONDS


class Bluesky:
    """Reads one Jetstream instance after another, each until its connection ends.

    Args:
        urls: of the instances; the next one is tried when one fails.
        key: of the cursor.
        ping_seconds: after this time without a message a ping is sent.
        pong_seconds: time that the server has to answer it.
    """

    name = NAME
    filters: frozenset[Filter] = frozenset()  # Jetstream filters by collection and author alone

    def __init__(
        self,
        documents: Documents,
        urls: Sequence[str],
        *,
        key: str = NAME,
        ping_seconds: float = _PING_SECONDS,
        pong_seconds: float = _PONG_SECONDS,
    ) -> None:
        self._documents = documents
        self._urls = urls
        self.key = key
        self._ping_seconds = ping_seconds
        self._pong_seconds = pong_seconds
        self._num_failed = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the source of these settings.

        Raises:
            SettingsError: an address is none of a WebSocket.
        """
        urls = settings.source_url.split(",") if settings.source_url else PUBLIC_URLS
        for url in urls:
            if not url.startswith(("ws://", "wss://")) or not urlsplit(url).hostname:
                raise SettingsError(
                    [f"{assignment('source_url', url)}: expected wss://HOST[:PORT]/subscribe"]
                )
        # The cursor is a time, good for every instance; but two sources that take different posts have gone
        # differently far.
        key = source_key(NAME, settings.source_languages, settings.source_words)
        return cls(Documents(settings, "jetstream"), urls, key=key)

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Connect once and yield posts from the cursor on; see `LiveSource.read`."""
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
            logger.warning(
                "the cursor %s is no time of Jetstream's: posts are read from now on", printable(cursor)
            )
            cursor = None
        url = self._urls[self._num_failed % len(self._urls)]
        where = f"Jetstream at {printable(url.partition('?')[0])}"
        try:
            async with self._connect(_with_query(url, cursor)) as connection:
                yield Batch()
                async with aclosing(in_batches(self._messages(connection), len)) as batches:
                    async for messages in batches:
                        batch = self._batch(messages)
                        if cursor is not None and batch.cursor is not None:
                            _warn_of_gap(cursor, _time_us(messages[0]))
                            cursor = None
                        yield batch
        except ConnectionClosed as error:
            self._num_failed += 1
            raise SourceUnavailableError(f"{where}: the connection ended: {_why_closed(error)}") from error
        except SourceUnavailableError:
            self._num_failed += 1
            raise
        except InvalidURI as error:
            raise SettingsError([f"{assignment('source_url', url)}: {error}"]) from error
        except (InvalidHandshake, OSError, TimeoutError, EOFError) as error:
            self._num_failed += 1
            raise self._refusal(where, error) from error

    def _connect(self, url: str) -> Any:
        return connect(
            url,
            compression="deflate",
            max_size=_MAX_MESSAGE_BYTES,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,  # `_messages` sends them
            user_agent_header=f"tocsin/{metadata.version('tocsin')}",
            proxy=None if _is_loopback(url) else True,
        )

    async def _messages(self, connection: ClientConnection) -> AsyncGenerator[bytes, None]:
        """Yield every message; send a ping if none comes, and end if neither a pong nor a message follows."""
        # The library's own pings would end a connection that we read slowly: the pong lies behind many messages.
        pong: Any = None
        while True:
            try:
                async with asyncio.timeout(self._ping_seconds if pong is None else self._pong_seconds):
                    message = await connection.recv(decode=False)
            except TimeoutError:
                if pong is not None and not pong.done():
                    raise SourceUnavailableError(_SILENT) from None
                pong = await connection.ping()
                pong.add_done_callback(lambda done: done.cancelled() or done.exception())
            else:
                pong = None
                yield message

    def _batch(self, messages: Sequence[bytes]) -> Batch:
        items = [item for message in messages for item in self._documents.read(message)]
        time_us = next(filter(None, map(_time_us, reversed(messages))), None)
        if time_us is None:
            return Batch(items)
        cursor = str(time_us)
        return Batch(items, cursor, datetime.fromtimestamp(time_us / _MICROSECONDS, UTC))

    def _refusal(self, where: str, error: Exception) -> Exception:
        """Return what a connection that was not made means."""
        if not isinstance(error, InvalidStatus):
            return SourceUnavailableError(
                f"no answer from {where}: {printable(str(error) or type(error).__name__)}"
            )
        status = error.response.status_code
        said = printable((error.response.body or b"").decode(errors="replace"))
        text = f"{where} answers with status {status}{said and f': {said}'}"
        if status == 429:
            seconds = retry_after_seconds(error.response.headers.get("Retry-After"))
            return SourceUnavailableError(text, retry_after=seconds, is_rate_limit=True)
        # One of several instances may be gone for good; the others are not.
        if 400 <= status < 500 and status != 408 and len(self._urls) == 1:
            return SourceRefusedError(f"{text}: check TOCSIN_SOURCE_URL")
        return SourceUnavailableError(
            text, retry_after=retry_after_seconds(error.response.headers.get("Retry-After"))
        )


def _warn_of_gap(cursor: str, first_us: int | None) -> None:
    """Log that the server no longer has what we ask for: it begins with the oldest that it has, and does not say so."""
    seconds = ((first_us or 0) - int(cursor)) / _MICROSECONDS
    if seconds > _GAP_SECONDS:
        logger.warning("Jetstream goes on %.0f s after our cursor: posts between may be lost to it", seconds)


def _with_query(url: str, cursor: str | None) -> str:
    """Return the address with what we ask for; what the user asks for stays."""
    parts = urlsplit(url)
    query = {
        "wantedCollections": [_COLLECTION],
        "maxMessageSizeBytes": [str(_MAX_EVENT_BYTES)],
        **parse_qs(parts.query),
    }
    if cursor is not None:
        query["cursor"] = [str(max(int(cursor) - int(REWIND_SECONDS * _MICROSECONDS), 0))]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query, doseq=True), ""))


def _time_us(message: bytes) -> int | None:
    """Return the event's time in microseconds since 1970; None if it has none that can be."""
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    time_us = event.get("time_us") if isinstance(event, dict) else None
    if not isinstance(time_us, int) or isinstance(time_us, bool):
        return None
    latest = int(time.time() * _MICROSECONDS) + _MAX_AHEAD_US
    return time_us if _MIN_TIME_US <= time_us <= latest else None


def _why_closed(error: ConnectionClosed) -> str:
    close = error.rcvd or error.sent
    if close is None:
        return "without a word"
    who = "the server" if error.rcvd else "we"
    return f"{who} closed it with code {close.code}{close.reason and f': {printable(close.reason)}'}"


def retry_after_seconds(value: str | None) -> float | None:
    """Return the seconds of a header `Retry-After`; None if it holds none."""
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 9 else None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
