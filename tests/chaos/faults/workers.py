"""A group that grows and shrinks while posts flow."""

from __future__ import annotations

from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Scenario
from tests.chaos.worker import Role

_ROLES: tuple[Role, Role] = ("annotate", "alert")
_BATCH_SIZE = 64
_NUM_CHANGES = 4  # two changes of size for each of two groups


async def two_four_one(rig: Rig) -> None:
    """Run two agents of each kind, then four, then one."""
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
        # The LLM is asked twice about a doubled post, and never answers the same twice.
        bar=Bar(doubled=_NUM_CHANGES * _BATCH_SIZE, differing=None),
        apply=two_four_one,
        num_posts=8_000,
        num_workers=2,
        settings={"annotate_batch_size": _BATCH_SIZE, "alert_batch_size": _BATCH_SIZE},
    ),
)
