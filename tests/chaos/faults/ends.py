"""Agents that end in the middle of their work: killed, or stopped as an orchestrator does it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Scenario
from tests.chaos.worker import Worker

_NUM_ENDS = 10
_FIRST_PART, _LAST_PART = 0.03, 0.9  # agents are ended between these parts of the posts done


async def sigkill(rig: Rig) -> None:
    """SIGKILL one of the agents, picked at random, ten times."""
    await _end_at_random(rig, "SIGKILL", Worker.kill)


async def sigterm(rig: Rig) -> None:
    """SIGTERM one of the agents, picked at random, ten times."""
    await _end_at_random(rig, "SIGTERM", Worker.restart)


async def _end_at_random(rig: Rig, name: str, end: Callable[[Worker], Awaitable[None]]) -> None:
    for part in sorted(rig.chance.uniform(_FIRST_PART, _LAST_PART) for _ in range(_NUM_ENDS)):
        await rig.until_part_done(part)
        victim = rig.chance.choice(rig.workers)
        # An agent that still loads holds no work that could be lost.
        await victim.wait_until_ready()
        await asyncio.sleep(rig.chance.uniform(0.0, 1.0))
        async with rig.instant_fault(f"{name} {victim.role}"):
            await end(victim)


SCENARIOS = (
    Scenario(
        name="sigkill",
        title="SIGKILL of either agent at random, 10 times",
        bar_text="0 missing, 0 with two different alerts",
        bar=Bar(),
        apply=sigkill,
        num_posts=20_000,
        deadline_seconds=900,
    ),
    Scenario(
        name="sigterm",
        title="SIGTERM of either agent at random, 10 times",
        bar_text="0 missing, 0 doubled",
        bar=Bar(doubled=0),
        apply=sigterm,
        num_posts=10_000,
    ),
)
