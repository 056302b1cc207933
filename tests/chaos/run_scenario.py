"""One scenario from its first post to its row."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.account import Balance, Kind, Outcome, read_outcome, seconds_to_recover, settle
from tests.chaos.kafka_log import ABSTAINED, ALERTS, DEAD, OUTCOMES, LoggedRecord, read_all
from tests.chaos.load import make_posts
from tests.chaos.rig import Plan, Rig, running
from tests.chaos.scenario import Figures, Findings, Scenario, breaches

_KINDS: dict[str, Kind] = {ALERTS: "alert", ABSTAINED: "abstention", DEAD: "dead_letter"}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a scenario, and the parts of it that miss its bar."""

    scenario: Scenario
    seconds: float
    figures: Figures | None  # None: the harness itself failed
    breaches: list[str]


async def run_scenario(scenario: Scenario, *, num_posts: int, seed: int, folder: Path) -> Result:
    """Run it on new data in `folder`, where its logs stay; any failure is part of the result."""
    began = time.monotonic()
    try:
        figures = await _figures(scenario, num_posts, seed, folder)
        found = breaches(figures, scenario.bar)
    except Exception as error:  # a scenario that cannot be run is a failed row, and does not end the others
        (folder / "harness.log").write_text(traceback.format_exc())
        figures, found = None, [f"the harness failed: {_described(error)}"]
    finally:
        shutil.rmtree(folder / "kafka", ignore_errors=True)
    return Result(scenario, time.monotonic() - began, figures, found)


def _described(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def _figures(scenario: Scenario, num_posts: int, seed: int, folder: Path) -> Figures:
    chance = random.Random(seed)
    if scenario.records is not None:
        records = scenario.records(num_posts, chance)
    else:
        records = make_posts(num_posts, chance, small_talk_rate=scenario.small_talk_rate)
    plan = Plan(
        records=records,
        seed=seed,
        folder=folder,
        num_nodes=scenario.num_nodes,
        per_second=scenario.per_second,
        num_workers=scenario.num_workers,
        settings=scenario.settings,
        styles=scenario.styles,
    )
    async with running(plan) as rig:
        is_settled = await _hurt(scenario, rig)
        await rig.remove_workers(rig.workers)
        found = await read_all(rig.kafka.brokers, OUTCOMES)
        findings = scenario.check(rig, found) if scenario.check else Findings()
        return _count(scenario, rig, found, findings, is_settled=is_settled)


async def _hurt(scenario: Scenario, rig: Rig) -> bool:
    """Apply the fault while posts flow; returns whether all was committed before the deadline."""
    brokers = rig.kafka.brokers
    try:
        async with asyncio.timeout(scenario.deadline_seconds), asyncio.TaskGroup() as tasks:
            endless = [rig.counter.run(brokers), rig.footprints.watch(lambda: rig.workers)]
            watching = [tasks.create_task(work) for work in endless]
            tasks.create_task(rig.load.run(brokers))
            await scenario.apply(rig)
            await rig.until_settled()
            for task in watching:
                task.cancel()
    except TimeoutError:
        return False
    return True


def _count(
    scenario: Scenario, rig: Rig, records: Sequence[LoggedRecord], findings: Findings, *, is_settled: bool
) -> Figures:
    outcomes = [read_outcome(record, _KINDS[record.topic]) for record in records]
    ids = [produced.record.post_id for produced in rig.load.produced]
    balance = settle([post_id for post_id in ids if post_id is not None], outcomes)
    return Figures(
        missing=len(balance.missing),
        doubled=balance.num_doubled,
        differing=len(balance.differing),
        re_alerted=_num_re_alerted(rig, records),
        dead=len(balance.dead),
        unknown=len(balance.unknown),
        recovery_seconds=_recovery_seconds(rig, outcomes),
        memory_growth=_memory_growth(scenario, rig),
        posts=len(rig.load.produced),
        faults=len(rig.faults),
        alerts=balance.kinds.get("alert", 0),
        abstentions=balance.kinds.get("abstention", 0),
        unasked_ends=rig.num_unasked_ends,
        is_settled=is_settled,
        notes=_examples(balance) | dict(findings.notes),
        broken=findings.broken,
    )


def _num_re_alerted(rig: Rig, records: Sequence[LoggedRecord]) -> int:
    ends = rig.replayed_from
    if ends is None:
        return 0
    return sum(r.topic == ALERTS and r.offset >= ends[r.topic, r.partition] for r in records)


def _recovery_seconds(rig: Rig, outcomes: Sequence[Outcome]) -> float | None:
    silences = seconds_to_recover(rig.faults, [outcome.seconds for outcome in outcomes])
    return max((round(silence, 1) for silence in silences if silence is not None), default=None)


def _memory_growth(scenario: Scenario, rig: Rig) -> float | None:
    # Agents that end and start show nothing by their memory.
    if scenario.bar.memory_growth is None or not rig.faults:
        return None
    return round(rig.footprints.growth_since(rig.faults[0].began), 3)


def _examples(balance: Balance) -> dict[str, object]:
    """Return a few ids of each kind that should be empty, for a closer look."""
    kinds = {"missing": balance.missing, "differing": balance.differing, "dead": balance.dead}
    return {f"{name} ids": list(ids[:5]) for name, ids in kinds.items() if ids}
