"""The source `x`: the filtered stream of X's API v2, one JSON object a line, with a bearer token.

X sends an empty line every 20 seconds. Before it ends a connection it sends a line with `errors` and without `data`.
There is no replay but `backfill_minutes`, for those whose access level has it: the cursor is the time of the last data.
The stream does not tell of deletions; X's compliance streams do, which this source does not read.

https://docs.x.com/x-api/posts/filtered-stream/introduction and /x-api/fundamentals/handling-disconnections
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from typing import Any, Self

import msgspec

from pipeline.errors import SettingsError, SourceUnavailableError, UndecodableError
from pipeline.formats.format import BadPost, Reading, Skipped
from pipeline.printable import escape_unprintable
from pipeline.settings import Settings
from pipeline.settings.checks import variable_of
from pipeline.sources.live.documents import Documents
from pipeline.sources.live.event_time import newest
from pipeline.sources.live.gathering import in_batches
from pipeline.sources.live.http.lines import LineSplitter
from pipeline.sources.live.http.site import GATHERED_BYTES, Site, read_token
from pipeline.sources.live.source import Batch, Filter, source_key
from pipeline.sources.live.x.backoff import Backoff
from pipeline.sources.live.x.rules import apply_rules, wanted_rules

_PUBLIC_URL = "https://api.x.com"
_PATH = "/2/tweets/search/stream"
_STALL_SECONDS = 40.0
_WORKS_SECONDS = 5.0
# What makes a post whole: its author, the full text of a long one, and the post that it quotes, repeats or answers.
_FIELDS = {
    "tweet.fields": "id,text,author_id,created_at,lang,note_tweet,referenced_tweets,in_reply_to_user_id,"
    "edit_history_tweet_ids",
    "expansions": "author_id,referenced_tweets.id,referenced_tweets.id.author_id",
    "user.fields": "id,name,username",
}


class _RuleId(msgspec.Struct):
    id: str | int


class _Line(msgspec.Struct):
    """What of a line does not belong to the post."""

    data: msgspec.Raw = msgspec.Raw()
    matching_rules: list[_RuleId] = []
    errors: Any = None

    def is_foreign(self, ours: frozenset[str] | None) -> bool:
        """Whether X sends it because of rules of others alone; None: all rules are ours."""
        return (
            ours is not None
            and bool(self.matching_rules)
            and ours.isdisjoint(str(rule.id) for rule in self.matching_rules)
        )


class X:
    """Posts of the filtered stream."""

    name = "x"

    def __init__(self, settings: Settings) -> None:
        urls = (settings.source_url or _PUBLIC_URL).split(",")
        if len(urls) != 1 or not urls[0].startswith(("https://", "http://")):
            raise SettingsError([f"{variable_of('source_url')}: expected one address: https://HOST"])
        if settings.source_token_file is None:
            raise SettingsError(
                [f"{variable_of('source_token_file')}: not set, but X needs the bearer token of an app"]
            )
        self._url = urls[0].rstrip("/")
        read_token(settings.source_token_file)
        self._token_file = settings.source_token_file
        self._rules = wanted_rules(settings)
        self._backfill_minutes = settings.source_backfill_minutes
        self._max_bytes = 2 * settings.max_post_bytes
        self._documents = Documents(settings, "x-v2")
        self._backoff = Backoff()
        self.key = source_key(self.name, self._url, self._rules)
        by_words = settings.source_words is not None and settings.source_rules_file is None
        self.filters = frozenset(Filter) if by_words else frozenset[Filter]()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the source; raises SettingsError."""
        return cls(settings)

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch, None]:
        """Connect once and yield what comes; see `LiveSource.read`."""
        try:
            async with Site(
                self._url, "X", token_file=self._token_file, stall_seconds=_STALL_SECONDS
            ) as site:
                rule_ids = await apply_rules(site, self._rules)
                params = _FIELDS | self._backfill(cursor)
                async with site.stream(_PATH, params, content_type="application/json") as pieces:
                    yield Batch()
                    async for batch in self._batches(pieces, rule_ids):
                        yield batch
        except SourceUnavailableError as error:
            error.retry_after = self._backoff.seconds(error)
            raise

    async def _batches(
        self, pieces: AsyncIterator[bytes], rule_ids: frozenset[str] | None
    ) -> AsyncGenerator[Batch, None]:
        lines, began = LineSplitter(self._max_bytes), time.monotonic()
        async for gathered in in_batches(pieces, len, max_bytes=GATHERED_BYTES):
            # A connection that breaks as soon as it stands has not worked.
            if time.monotonic() - began > _WORKS_SECONDS:
                self._backoff.reset()
            items: list[Reading] = []
            end = self._take(lines.feed(b"".join(gathered)), rule_ids, items)
            yield Batch(items, str(int(time.time())), newest(items))
            if end is not None:
                raise end

    def _backfill(self, cursor: str | None) -> dict[str, str]:
        """Return the parameter that asks for what was missed; X gives at most five minutes."""
        if not self._backfill_minutes or cursor is None or not cursor.isdecimal():
            return {}
        missed = math.ceil((time.time() - int(cursor)) / 60)
        return {"backfill_minutes": str(min(max(missed, 1), self._backfill_minutes))}

    def _take(
        self, lines: Iterable[bytes | None], rule_ids: frozenset[str] | None, items: list[Reading]
    ) -> SourceUnavailableError | None:
        """Add what the lines hold to `items`; return the error if X ends the connection with one of them."""
        for line in lines:
            if line is None:
                items.append(BadPost(UndecodableError(f"a line of more than {self._max_bytes} bytes"), b""))
            elif line.strip():
                around = _around(line)
                if around.errors and not bytes(around.data):
                    return _disconnection(around.errors)
                items += (
                    [Skipped("other_rule")] if around.is_foreign(rule_ids) else self._documents.read(line)
                )
        return None


def _around(line: bytes) -> _Line:
    with suppress(msgspec.DecodeError, RecursionError):  # the format says what is wrong with it
        return msgspec.json.decode(line, type=_Line)
    return _Line()


def _disconnection(errors: Any) -> SourceUnavailableError:
    """Return the error for a message with which X ends a connection."""
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    title = escape_unprintable(str(first.get("title", "no title")))[:100]
    is_limit = first.get("connection_issue") == "TooManyConnections" or "TooMany" in title
    return SourceUnavailableError(f"X ends the stream: {title}", is_rate_limit=is_limit)
