"""Whether a prompt or the server is to blame for the failures that the prompt meets.

A failure during an outage says nothing about the prompt. Two kinds of failure do count against it:

- The request fails or is refused, and right after it the server answers the prompt's twin.
- The connection breaks and the server is gone, although it answered a twin right before.

When a server dies, all requests in flight break, and one of them may have killed it. Each of their prompts becomes a
suspect. Suspects are tried one at a time, each after an answered twin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.errors import LlmRefusedError
from pipeline.llm.http import LlmLostError, LlmTimeoutError

# How much one failure adds, as a fraction of `max_blame`. Other failures add 1: a server that fails on one request of
# four fails twenty times in a row once in 10^12. A request that times out holds up its batch for a minute, and a server
# that dies holds up all posts for longer.
_TIMEOUT, _DEATH = 1 / 8, 1 / 4
# A server does not refuse by accident. But several servers may share one address, and one of them may have wrong
# settings. If one has refused a harmless question, a refusal adds 1, too.
_REFUSAL = 1 / 5


class Blame:
    """The failures that count against one prompt.

    Args:
        line: lock that a suspect holds while it is tried; the same for all prompts of a server.
        max_blame: the prompt is refused when its blame reaches this. A failure adds 1, a refusal a fifth of it, a
            timeout an eighth, a death of the server a quarter.
    """

    def __init__(self, line: asyncio.Lock, *, max_blame: int) -> None:
        self._line = line
        self._max_blame = max_blame
        self._blame = 0.0
        self._is_suspect = False  # the server died while it worked on this prompt
        self.num_failures = 0

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """Hold this during one attempt: a suspect waits here until no other suspect is tried."""
        if not self._is_suspect:
            yield
            return
        async with self._line:
            yield

    @property
    def needs_proof(self) -> bool:
        """Whether the server must answer the twin before the next attempt."""
        return self._is_suspect

    @property
    def is_proven(self) -> bool:
        """Whether enough failures count against the prompt."""
        return self._blame >= self._max_blame

    def note(self, error: Exception, *, is_server_well: bool, is_server_doubted: bool = False) -> None:
        """Note a failed attempt.

        Args:
            error: the failure.
            is_server_well: whether the server answered the twin right after it.
            is_server_doubted: whether the server has refused a harmless question in the last minutes.
        """
        self.num_failures += 1
        if is_server_well:
            self._add(_share(error, is_server_doubted=is_server_doubted))
        elif isinstance(error, LlmLostError):
            if self._is_suspect:
                self._add(_DEATH)
            self._is_suspect = True

    def _add(self, share: float) -> None:
        self._blame += max(1.0, self._max_blame * share)


def _share(error: Exception, *, is_server_doubted: bool) -> float:
    match error:
        case LlmTimeoutError():
            return _TIMEOUT
        case LlmRefusedError() if not is_server_doubted:
            return _REFUSAL
    return 0.0
