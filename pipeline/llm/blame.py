"""Whether a prompt is to blame for the failures that it meets, or the server.

Nothing speaks against a prompt while the server fails on others too. What does, each time: the request fails or is
refused, and a harmless one, sent right after, is answered; or the connection breaks and the server is gone, though it
answered a harmless request right before. Whatever was in flight when a server dies looks like the last, so a prompt
that met it is tried again alone: of several suspects one at a time, each after a harmless request that was answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

MAX_BLAME = 20

# Shares of the blame that refuses a prompt, which is otherwise counted by ones. A failed answer costs nobody anything,
# and a server that fails on one request of four fails on twenty in a row once in 10^12. A request that times out holds
# up its batch for a minute, and a server that dies holds up all posts for longer.
_TIMEOUT, _DEATH = 1 / 8, 1 / 4
# A refusal is no accident: but a few of several servers behind one address may be set up wrongly. Once one of them has
# refused a harmless request, refusals count by ones.
_REFUSAL = 1 / 5


class Failure(Enum):
    """How a request failed."""

    ANSWER = "a status of failure, or nonsense"
    TIMEOUT = "no answer in time"
    LOST = "the connection broke"
    REFUSED = "a status that refuses the request"


class Blame:
    """What speaks against one prompt.

    Args:
        line: held by the suspect that is tried alone; one for all prompts of a server.
        max_blame: at this the prompt is refused; a failed answer counts 1, a refusal a fifth of it, a timeout an
            eighth, a death of the server a quarter.
    """

    def __init__(self, line: asyncio.Lock, *, max_blame: int = MAX_BLAME) -> None:
        self._line = line
        self._max_blame = max_blame
        self._blame = 0.0
        self._is_suspect = False  # the server died of this prompt, or beside it
        self.num_failures = 0

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """Stand in line if suspect; hold this for one attempt."""
        if not self._is_suspect:
            yield
            return
        async with self._line:
            yield

    @property
    def needs_proof(self) -> bool:
        """Whether the server must answer a harmless request before the next attempt."""
        return self._is_suspect

    @property
    def is_proven(self) -> bool:
        """Whether enough speaks against the prompt."""
        return self._blame >= self._max_blame

    def note(self, failure: Failure, *, is_server_well: bool, is_server_doubted: bool = False) -> None:
        """Note a failed attempt, and whether the server answered a harmless request right after it.

        Args:
            is_server_doubted: it has refused harmless requests lately.
        """
        self.num_failures += 1
        if is_server_well:
            share = {Failure.TIMEOUT: _TIMEOUT, Failure.REFUSED: 0.0 if is_server_doubted else _REFUSAL}
            self._blame += max(1.0, self._max_blame * share.get(failure, 0.0))
        elif failure is Failure.LOST:
            self._blame += max(1.0, self._max_blame * _DEATH) if self._is_suspect else 0.0
            self._is_suspect = True
