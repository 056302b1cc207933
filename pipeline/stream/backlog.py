"""How many records wait, as the broker says: a consumer that has fallen silent would say that nothing does."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.partition_reader import partition_reader
from pipeline.kafka.topics import group_offsets
from pipeline.messages.record import Partition
from pipeline.stream.faust_app import StreamSource


async def count_waiting(cluster: Cluster, positions: Mapping[Partition, int]) -> int:
    """Return how many records the broker has from these offsets on.

    Raises:
        BrokerUnavailableError: nobody answers.
    """
    if not positions:
        return 0
    async with partition_reader(cluster, sorted({partition.topic for partition in positions})) as reader:
        # Where nothing was ever committed, records that are gone already do not wait.
        beginnings = await reader.beginnings(positions)
        ends = await reader.ends(positions)
    return sum(max(ends[place] - max(offset, beginnings[place]), 0) for place, offset in positions.items())


class GroupBacklog:
    """What waits on a topic for a group, for an agent that has no partition of it.

    Others may have them, and work: then nothing waits for this agent.
    """

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._last: dict[Partition, int] | None = None  # the group's offsets at the last look

    async def count(self) -> int:
        """Return how many records wait for the group; 0 if its offsets have moved since the last look.

        Raises:
            BrokerUnavailableError: nobody answers.
        """
        committed = await group_offsets(self._source.cluster, self._source.group)
        has_moved, self._last = committed != self._last, committed
        if has_moved:
            return 0
        async with partition_reader(self._source.cluster, [self._source.topic]) as reader:
            places = list(reader.partitions)
        return await count_waiting(self._source.cluster, {place: committed.get(place, 0) for place in places})
