"""All records are read once more."""

from __future__ import annotations

from tests.chaos.kafka_log import OUTCOMES, end_offsets, reset_groups
from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Scenario


async def group_reset(rig: Rig) -> None:
    """When all is done, set both groups back to the beginning, as an operator may, while the agents are stopped."""
    await rig.until_settled()
    await rig.remove_workers(rig.workers)
    rig.replayed_from = await end_offsets(rig.kafka.brokers, OUTCOMES)
    async with rig.instant_fault("groups reset"):
        await reset_groups(rig.kafka.brokers)
    for role in ("annotate", "alert"):
        await rig.add_workers(role, 1)


SCENARIOS = (
    Scenario(
        name="group-reset",
        title="both groups reset to the beginning",
        bar_text="0 new alerts",
        bar=Bar(),
        apply=group_reset,
        num_posts=3_000,
    ),
)
