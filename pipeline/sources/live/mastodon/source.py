"""The source `mastodon`: an instance's streaming API (server-sent events), and its REST API for what was missed.

    the posts since the cursor, page by page ──► the stream opens ──► the posts since the last page ──► its events
                                                                          update         a post
                                                                          status.update  an edit: same id, new text
                                                                          delete         a withdrawal

The stream has no replay, and an unread stream is closed. So a long gap is read before the stream opens, and the short
one that this leaves after it has opened: no post falls between, and what comes twice has the same id. Deletions and
edits while nobody listened are missed, because the REST API does not tell of them.

An event `delete` holds only the number under which this instance has the post. So a post's id here is `HOST/NUMBER`.
The format `mastodon` makes it of an event that names its instance.

Documentation: https://docs.joinmastodon.org/methods/streaming/ and /methods/timelines/ (Mastodon 4.5).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from pipeline.errors import SettingsError, SourceRefusedError, SourceUnavailableError, UndecodableError
from pipeline.formats.format import BadPost, Reading, ReadPost
from pipeline.settings import Settings
from pipeline.settings.checks import variable_of
from pipeline.sources.live.documents import Documents
from pipeline.sources.live.event_time import newest
from pipeline.sources.live.gathering import in_batches
from pipeline.sources.live.http.events import Event, EventReader
from pipeline.sources.live.http.limits import is_used_up, wait_seconds
from pipeline.sources.live.http.lines import LineSplitter
from pipeline.sources.live.http.site import GATHERED_BYTES, Site, StatusRefusedError, read_token
from pipeline.sources.live.mastodon.status_ids import order, rewound
from pipeline.sources.live.mastodon.streams import stream_of
from pipeline.sources.live.source import Batch, Filter, source_key

_REWIND_SECONDS = 60.0
_PAGE = 40  # the most that the API gives


class Mastodon:
    """Posts of one stream of one instance."""

    name = "mastodon"
    filters: frozenset[Filter] = frozenset()

    def __init__(self, settings: Settings) -> None:
        urls = (settings.source_url or "").split(",")
        if len(urls) != 1 or not urls[0].startswith(("https://", "http://")):
            raise SettingsError(
                [f"{variable_of('source_url')}: expected the address of one Mastodon instance: https://HOST"]
            )
        if settings.source_token_file is None:
            raise SettingsError(
                [
                    f"{variable_of('source_token_file')}: not set, but Mastodon streams to those with a token alone: "
                    "Preferences, Development, New application, scope read:statuses"
                ]
            )
        self._url = urls[0].rstrip("/")
        read_token(settings.source_token_file)
        self._token_file = settings.source_token_file
        self._host = urlsplit(self._url).netloc.lower()
        self._stream = stream_of(settings.source_stream)
        self._max_bytes = 2 * settings.max_post_bytes
        self._documents = Documents(settings, "mastodon")
        self.key = source_key(
            self.name, self._url, self._stream.name, settings.source_words, settings.source_languages
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the source; raises SettingsError."""
        return cls(settings)

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Connect once and yield what comes, from the cursor on; see `LiveSource.read`."""
        position = _Position(cursor)
        async with self._site(self._url) as site:
            start = rewound(cursor, _REWIND_SECONDS) if cursor else await self._present_id(site)
            if cursor:
                async with aclosing(self._gap(site, start, position)) as gap:
                    async for batch in gap:
                        yield batch
                        start = position.newest
            async with self._site(await _streaming_url(site, self._url)) as streaming:
                path, params = self._stream.streaming
                async with streaming.stream(path, params, content_type="text/event-stream") as pieces:
                    yield Batch(cursor=start if cursor is None else None)
                    async with aclosing(self._gap(site, start, position)) as gap:
                        async for batch in gap:
                            yield batch
                    async for batch in self._events(pieces, position):
                        yield batch

    def _site(self, url: str) -> Site:
        # Heartbeats come every 15 seconds.
        return Site(url, "Mastodon", token_file=self._token_file, stall_seconds=40.0)

    async def _gap(self, site: Site, start: str | None, position: _Position) -> AsyncGenerator[Batch, None]:
        """Yield the posts after this id, from old to new, up to the present."""
        while start is not None:
            statuses, headers = await self._page(site, limit=str(_PAGE), min_id=start)
            if not statuses:
                return
            items = [item for status in statuses for item in self._read("update", status)]
            start = str(statuses[-1]["id"])
            position.note(start)
            yield Batch(items, position.newest, newest(items))
            if len(statuses) < _PAGE // 2:  # the API leaves some out after it has counted them
                return
            if is_used_up(headers):
                raise SourceUnavailableError(
                    f"{site.server} allows no more requests for now; the posts of the gap are not read yet",
                    retry_after=wait_seconds(headers),
                    is_rate_limit=True,
                )

    async def _present_id(self, site: Site) -> str | None:
        """Return the newest id: the place of "now", in case the stream breaks before its first post."""
        statuses, _ = await self._page(site, limit="1")
        return str(statuses[-1]["id"]) if statuses else None

    async def _page(self, site: Site, **params: str) -> tuple[list[dict[str, Any]], httpx.Headers]:
        """Return statuses of the stream's timeline, from old to new."""
        path, fixed = self._stream.timeline
        try:
            page, headers = await site.get(path, {**fixed, **params})
        except StatusRefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:  # a hashtag that nobody has used yet
                raise
            return [], httpx.Headers()
        return _sorted_page(page, site), headers

    async def _events(self, pieces: AsyncIterator[bytes], position: _Position) -> AsyncGenerator[Batch, None]:
        lines, events = LineSplitter(self._max_bytes), EventReader(self._max_bytes)
        async for gathered in in_batches(pieces, len, max_bytes=GATHERED_BYTES):
            events_read = events.read(lines.feed(b"".join(gathered)))
            items = [item for event in events_read for item in self._items(event)]
            for item in items:
                if isinstance(item, ReadPost) and item.post.id.startswith(f"{self._host}/"):
                    position.note(item.post.id.rpartition("/")[2])
            yield Batch(items, position.newest, newest(items))

    def _items(self, event: Event) -> list[Reading]:
        if event.data is None:
            return [BadPost(UndecodableError(f"an event of more than {self._max_bytes} bytes"), b"")]
        # The standard says that bytes which are not UTF-8 become U+FFFD.
        return self._read(event.name, event.data.decode("utf-8", "replace"))

    def _read(self, event: str, payload: Any) -> list[Reading]:
        document = {"event": event, "payload": payload, "instance": self._host}
        return self._documents.read(msgspec.json.encode(document))


class _Position:
    """The newest id so far."""

    def __init__(self, newest_id: str | None) -> None:
        self.newest = newest_id

    def note(self, status_id: str) -> None:
        if self.newest is None or order(status_id) > order(self.newest):
            self.newest = status_id


def _sorted_page(page: Any, site: Site) -> list[dict[str, Any]]:
    """Return the statuses of a page, from old to new."""
    if not isinstance(page, list) or not all(isinstance(status, dict) and "id" in status for status in page):
        raise SourceUnavailableError(f"{site.server} gives no list of statuses as a timeline")
    return sorted(page, key=lambda status: order(str(status["id"])))


async def _streaming_url(site: Site, url: str) -> str:
    """Return the server of the streaming API: the instance itself, or the one that it names."""
    try:
        instance, _ = await site.get("/api/v2/instance")
        named = instance["configuration"]["urls"]["streaming"]
        scheme, _, rest = named.partition("://")
    except (SourceRefusedError, KeyError, TypeError, AttributeError):  # servers of other kinds do not name it
        return url
    host = rest.partition("/")[0]
    # The token goes there. So it is never sent in clear if it is not sent to the instance in clear.
    is_secure = scheme in ("wss", "https")
    if not host or not (is_secure or url.startswith("http://")):
        return url
    return f"{'https' if is_secure else 'http'}://{host}"
