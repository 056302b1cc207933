"""A flood through the whole source, a process of its own between a real server and a real broker."""

import pytest

from tests.pipeline.kafka.brokers import EMBEDDED
from tests.pipeline.sources.live.floods.jetstream_flood import run_flood

# What the memory of 100,000 ids takes is not reached; a batch is 500 posts of half a kilobyte.
_MAX_GROWTH_MIB = 32


@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_a_flood_loses_nothing_and_keeps_memory_flat() -> None:
    """The server sends as fast as it can: every post is on the topic, and the source has not grown."""
    num_posts = 20_000
    flood = await run_flood(EMBEDDED, num_posts=num_posts, rate=1e9, max_seconds=200)
    assert flood.num_distinct == num_posts
    first = next(sample for sample in flood.samples if sample.num_posts)
    assert max(sample.resident_mib for sample in flood.samples) - first.resident_mib < _MAX_GROWTH_MIB
