"""A group that grows and shrinks while posts flow."""

from __future__ import annotations

from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Scenario
from tests.chaos.worker import Role

_ROLES: tuple[Role, Role] = ("annotate", "alert")
_BATCH_SIZE = 64
_NUM_CHANGES = 4  # two sizes after the first, of two groups


async def two_four_one(rig: Rig) -> None:
    """Of each kind of agent two, then four, then one."""
    await rig.until_part_done(0.15)
    for role in _ROLES:
        async with rig.instant_fault(f"four {role} agents"):
            await rig.add_workers(role, 2)
    await rig.until_part_done(0.55)
    for role in _ROLES:
        async with rig.instant_fault(f"one {role} agent"):
            await rig.remove_workers(rig.of_role(role)[:3])


SCENARIOS = (
    Scenario(
        name="workers",
        title="two, then four, then one worker in each group",
        bar_text=f"0 missing, at most one batch ({_BATCH_SIZE}) doubled a change ({_NUM_CHANGES} changes)",
        # What is doubled is asked about twice, and this LLM never says the same.
        bar=Bar(doubled=_NUM_CHANGES * _BATCH_SIZE, differing=None),
        apply=two_four_one,
        num_posts=8_000,
        num_workers=2,
        settings={"annotate_batch_size": _BATCH_SIZE, "alert_batch_size": _BATCH_SIZE},
    ),
)
