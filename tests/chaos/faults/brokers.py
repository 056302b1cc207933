"""Brokers that go and come back."""

from __future__ import annotations

import asyncio
import shutil

from tests.chaos.kafka_log import coordinator_of, num_led_by
from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Scenario

_DOWN_SECONDS = 3.0
_NUM_AGAIN = 200  # posts that are produced again once the broker has lost them
_BAR_TEXT = "0 missing, resumes by itself within 60 s"
_BAR = Bar(recovery_seconds=60.0)


async def restarted(rig: Rig) -> None:
    """Stop the only broker, and start it again after three seconds."""
    await rig.until_part_done(0.3)
    async with rig.fault("broker restarted"):
        await rig.kafka.processes[0].stop()
        await asyncio.sleep(_DOWN_SECONDS)
        # The time until it accepts clients again is part of the recovery.
        await rig.kafka.processes[0].start()


async def killed(rig: Rig) -> None:
    """SIGKILL one of three brokers, the one that coordinates the alert agents, for good."""
    await rig.until_part_done(0.3)
    node = await coordinator_of(rig.kafka.brokers, "tocsin-alert")
    async with rig.instant_fault(f"broker {node} killed"):
        await rig.kafka.processes[node - 1].kill()


async def leader_moved(rig: Rig) -> None:
    """Stop one of three brokers in order, so that its partitions get other leaders; start it, so that they return."""
    await rig.until_part_done(0.3)
    node = await coordinator_of(rig.kafka.brokers, "tocsin-annotate")
    async with rig.instant_fault(f"leaders moved from broker {node}"):
        await rig.kafka.processes[node - 1].stop()
        assert await num_led_by(rig.kafka.brokers, node) == 0, "no leader has moved"
    await rig.until_part_done(0.4)
    async with rig.instant_fault(f"leaders moved back to broker {node}"):
        await rig.kafka.processes[node - 1].start()
        while await num_led_by(rig.kafka.brokers, node) == 0:
            await asyncio.sleep(1.0)


async def wiped(rig: Rig) -> None:
    """Kill the only broker, delete its data, and start it again; agents and producer stay as they are.

    Some posts are then produced again, as a user would do who has lost them and wants their alerts.
    """
    await rig.until_part_done(0.4)
    rig.load.is_paused = True
    await asyncio.sleep(1.0)  # until a chunk that is on its way has been acknowledged
    await rig.until_worked_off()
    async with rig.fault("data wiped"):
        await rig.kafka.processes[0].kill()
        await asyncio.to_thread(shutil.rmtree, rig.folder / "kafka" / "node-1" / "data")
        # The broker has lost all outcomes too: from here on everything must be there.
        rig.load.write_off(num_again=_NUM_AGAIN)
        await rig.kafka.start()
        rig.load.is_paused = False


SCENARIOS = (
    Scenario(
        name="broker-restarted",
        title="the only broker restarted",
        bar_text=_BAR_TEXT,
        bar=_BAR,
        apply=restarted,
        num_posts=6_000,
    ),
    Scenario(
        name="broker-killed",
        title="one of three brokers killed",
        bar_text=_BAR_TEXT,
        bar=_BAR,
        apply=killed,
        num_posts=6_000,
        num_nodes=3,
    ),
    Scenario(
        name="leader-moved",
        title="leaders moved away from one of three brokers and back",
        bar_text=_BAR_TEXT,
        bar=_BAR,
        apply=leader_moved,
        num_posts=8_000,
        num_nodes=3,
    ),
    Scenario(
        name="broker-wiped",
        title="the only broker comes back without its data",
        bar_text="0 missing of what comes after, under old ids too, topics made again, resumes by itself within 60 s",
        bar=_BAR,
        apply=wiped,
        num_posts=6_000,
    ),
)
