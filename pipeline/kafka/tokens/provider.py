"""The provider of the tokens that our Kafka clients show: one for all of them, asked once for each connection.

A token is kept until it nears its end, or Kafka refuses it. If its source then fails, the old token is used for as long
as it is valid. After that connections fail, and are tried again, as during an outage of the broker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

from aiokafka.abc import AbstractTokenProvider

from pipeline.errors import TokenRefusedError, TokenUnavailableError
from pipeline.kafka.aiokafka_internals import await_token_verdicts
from pipeline.kafka.tokens.token import Token
from pipeline.outage import Outage, backoff_seconds

# Several clients try to connect several times a second each. The source is asked less often.
_MAX_BACKOFF_SECONDS = 5.0

TokenError = TokenUnavailableError | TokenRefusedError


class TokenSource(Protocol):
    """Where tokens come from."""

    name: str  # the setting that names the source, with its value, for messages
    is_kept: bool  # whether a token is kept until it nears its end; a file is read each time

    async def fetch(self) -> Token:
        """Return a token.

        Raises:
            TokenUnavailableError: there is no token now.
            TokenRefusedError: there will be no token until a setting is changed.
        """


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """Gives aiokafka's connections the token of a source. Several event loops may use it at once.

    Args:
        extensions: what is sent with each token (RFC 7628).
    """

    def __init__(self, source: TokenSource, extensions: Mapping[str, str]) -> None:
        self._source = source
        self._extensions = dict(extensions)
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        self._outage = Outage(f"the source of tokens {source.name}")
        self._failure: TokenError | None = None
        self._num_failures = 0
        self._ask_again_at = 0.0  # by the monotonic clock, as is `_keep_refused_until`
        self._is_refused = False  # whether Kafka refused the last token
        self._num_refused = 0  # tokens refused in a row
        self._keep_refused_until = 0.0
        self.last: Token | None = None  # the last token that Kafka was shown

    @property
    def name(self) -> str:
        """The setting that names the source, with its value."""
        return self._source.name

    async def token(self) -> str:
        """Return a token for a connection.

        Raises:
            TokenUnavailableError: there is no token now.
            TokenRefusedError: there will be no token until a setting is changed.
        """
        # Faust's consumer has a loop of its own. Two loops asking at once does no harm.
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            token = await self._current()
        self.last = token
        return token.value.get_secret_value()

    def extensions(self) -> dict[str, str]:
        """Return what is sent with each token."""
        return self._extensions

    def note_accepted(self) -> None:
        """Note that Kafka accepted the token."""
        self._is_refused, self._num_refused = False, 0

    def note_refused(self) -> None:
        """Note that Kafka refused the last token: another is fetched, with growing pauses until one is accepted.

        The identity provider may have changed its keys, and a token that is kept may be valid for hours.
        """
        if not self._is_refused:
            self._is_refused = True
            wait = backoff_seconds(self._num_refused, max_seconds=_MAX_BACKOFF_SECONDS)
            self._keep_refused_until = time.monotonic() + wait
            self._num_refused += 1

    def _is_good(self, token: Token) -> bool:
        is_refused = self._is_refused and time.monotonic() >= self._keep_refused_until
        return self._source.is_kept and time.time() < token.renew_at and not is_refused

    async def _current(self) -> Token:
        if self.last is not None and self._is_good(self.last):
            return self.last
        if self._failure is not None and time.monotonic() < self._ask_again_at:
            return self._old_token(self._failure)
        try:
            token = await self._source.fetch()
        except (TokenUnavailableError, TokenRefusedError) as error:
            self._note(error)
            return self._old_token(error)
        self._failure, self._num_failures, self._is_refused = None, 0, False
        self._outage.end()
        return token

    def _note(self, failure: TokenError) -> None:
        self._failure = failure
        wait = backoff_seconds(self._num_failures, max_seconds=_MAX_BACKOFF_SECONDS)
        self._ask_again_at = time.monotonic() + wait
        self._num_failures += 1

    def _old_token(self, failure: TokenError) -> Token:
        """Return the old token, unless it is known to be invalid: then raise the failure."""
        is_endless = self.last is not None and self.last.expires_at is None
        if self.last is None or self.last.is_expired or (is_endless and self._is_refused):
            raise type(failure)(str(failure))
        self._outage.begin()
        self._outage.report(failure)
        return self.last


def note_token_verdicts() -> None:
    """Let every `TokenProvider` know whether Kafka accepts its tokens; may be called more than once."""
    await_token_verdicts(_note_verdict)


def _note_verdict(provider: object, is_accepted: bool) -> None:
    if not isinstance(provider, TokenProvider):
        return
    if is_accepted:
        provider.note_accepted()
    else:
        provider.note_refused()
