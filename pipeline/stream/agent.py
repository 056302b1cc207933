"""The contract between a stream and the agent that it feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.messages.record import Record

# Called once the broker has acknowledged a record's outcome: only then may its offset be committed.
Finish = Callable[[Record], None]


class Agent(Protocol):
    """What a stream feeds: an agent turns every record into an outcome on another topic."""

    async def process(self, records: Sequence[Record], finish: Finish, stopping: asyncio.Event) -> None:
        """Publish an outcome for each record, then call `finish` with it.

        Once `stopping` is set, the agent begins no further record: the broker delivers those again.
        An exception that leaves this method ends the program, with the unfinished records uncommitted. The stream
        cancels the method if partitions are revoked and the work takes too long.
        """
        ...

    def on_rebalance(self) -> None:
        """Note that partitions were assigned anew: other agents may have worked on those that come now."""
        ...
