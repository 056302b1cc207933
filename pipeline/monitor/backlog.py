"""How many records wait, as the broker says: a consumer that has fallen silent would say that none does."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.partition_reader import partition_reader
from pipeline.kafka.topics import group_offsets
from pipeline.messages.record import Partition


async def count_waiting(cluster: Cluster, positions: Mapping[Partition, int]) -> int:
    """Return how many records the broker has from these offsets on.

    Raises:
        BrokerUnavailableError: no broker answers.
    """
    if not positions:
        return 0
    async with partition_reader(cluster, sorted({partition.topic for partition in positions})) as reader:
        # If nothing was ever committed, records that retention has deleted do not wait.
        beginnings = await reader.beginnings(positions)
        ends = await reader.ends(positions)
    return sum(
        max(ends[partition] - max(offset, beginnings[partition]), 0)
        for partition, offset in positions.items()
    )


class GroupBacklog:
    """What waits on a topic for a consumer group, for an agent that has no partition of it.

    Other members may have the partitions, and work: then nothing waits for this agent.
    """

    def __init__(self, cluster: Cluster, *, group: str, topic: str) -> None:
        self._cluster = cluster
        self._group = group
        self._topic = topic
        self._last: dict[Partition, int] | None = None  # the group's offsets at the last look

    async def count(self) -> int:
        """Return how many records wait for the group; 0 if its offsets have moved since the last look.

        Raises:
            BrokerUnavailableError: no broker answers.
        """
        committed = await group_offsets(self._cluster, self._group)
        has_moved, self._last = committed != self._last, committed
        if has_moved:
            return 0
        async with partition_reader(self._cluster, [self._topic]) as reader:
            partitions = list(reader.partitions)
        return await count_waiting(self._cluster, {p: committed.get(p, 0) for p in partitions})
