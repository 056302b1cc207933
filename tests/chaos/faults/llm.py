"""An LLM server that is away, slow or failing, answers nonsense, or has wrong settings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from tests.chaos.llm_server import Faults
from tests.chaos.rig import Rig
from tests.chaos.scenario import Apply, Bar, Scenario

_FIRST_PART = 0.4  # of the posts, before the fault: by then the agent's memory has stopped growing
_AWAY_SECONDS = 120.0
_SLOW_SECONDS = 90.0
_HANG_SECONDS = 75.0  # longer than the agent waits for one answer
_BAR_TEXT = "0 missing, 0 dead-lettered for it, memory flat (within 10 %)"
_BAR = Bar(memory_growth=0.10)


async def killed(rig: Rig) -> None:
    """SIGKILL the server, and start it again after two minutes."""
    await rig.until_part_done(_FIRST_PART)
    async with rig.fault("LLM killed"):
        await rig.llm.process.kill()
        await asyncio.sleep(_AWAY_SECONDS)
        await rig.llm.start()


async def hanging(rig: Rig) -> None:
    """Accept requests and never answer them; the requests of that time stay unanswered afterwards too."""
    await rig.until_part_done(_FIRST_PART)
    async with rig.fault("LLM hangs"):
        await rig.llm.misbehave(Faults(delay_seconds=3600.0))
        await asyncio.sleep(_HANG_SECONDS)
        await rig.llm.misbehave(Faults())


async def slow(rig: Rig) -> None:
    """Let every answer take 30 seconds for a minute and a half."""
    await rig.until_part_done(_FIRST_PART)
    async with rig.fault("LLM slow by 30 s"):
        await rig.llm.misbehave(Faults(delay_seconds=30.0))
        await asyncio.sleep(_SLOW_SECONDS)
        await rig.llm.misbehave(Faults())


async def misconfigured(rig: Rig) -> None:
    """Refuse every request for two minutes, harmless ones too, and then accept all."""
    await rig.until_part_done(_FIRST_PART)
    async with rig.fault("LLM misconfigured"):
        await rig.llm.misbehave(Faults(is_misconfigured=True))
        await asyncio.sleep(_AWAY_SECONDS)
        await rig.llm.misbehave(Faults())


async def failing(rig: Rig, *, faults: Faults) -> None:
    """Let a part of the answers be wrong, from two fifths of the posts to the last post."""
    await rig.until_part_done(_FIRST_PART)
    async with rig.instant_fault("LLM misbehaves"):
        await rig.llm.misbehave(faults)


def _scenario(name: str, title: str, apply: Apply, num_posts: int, bar: Bar = _BAR) -> Scenario:
    bounded = "" if bar.recovery_seconds is None else f", recovery within {bar.recovery_seconds:g} s"
    return Scenario(
        name=name,
        title=title,
        bar_text=_BAR_TEXT + bounded,
        bar=bar,
        apply=apply,
        num_posts=num_posts,
        # Posts about which no LLM is asked would get their outcomes even during the fault.
        small_talk_rate=0.0,
    )


_ERRORS = partial(failing, faults=Faults(error_rate=0.2))
_GARBAGE = partial(failing, faults=Faults(garbage_rate=0.05))

SCENARIOS = (
    _scenario("llm-killed", "LLM server killed for two minutes", killed, 4_000),
    _scenario("llm-slow", "LLM server slow by 30 s for 90 s", slow, 4_000),
    _scenario("llm-hangs", "LLM server hangs for 75 s", hanging, 4_000),
    _scenario(
        "llm-misconfigured",
        "LLM server refuses every request with status 400 for two minutes",
        misconfigured,
        4_000,
        replace(_BAR, recovery_seconds=30.0),
    ),
    _scenario("llm-500", "LLM server answers 20 % with status 500", _ERRORS, 4_000),
    _scenario("llm-garbage", "LLM server answers 5 % with garbage", _GARBAGE, 4_000),
)
