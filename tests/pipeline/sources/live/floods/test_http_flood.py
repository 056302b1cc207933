"""A flood through a double, `tocsin source` and a broker, smaller than the one of the command `http_flood`."""

from __future__ import annotations

import pytest

from tests.pipeline.sources.live.floods.http_flood import TOKENS, flood


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["mastodon", "x"])
async def test_a_flood_loses_nothing(name: str) -> None:
    result = await flood(name, rate=3_000, seconds=2.0)
    assert (result.num_sent, result.num_arrived) == (6_000, 6_000), result.log
    assert max(result.megabytes) < 250
    assert TOKENS[name] not in result.log
