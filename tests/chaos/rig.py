"""The parts of a scenario: Apache Kafka, the fake LLM, the agents and the posts that flow through them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.errors import KafkaError

from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.kafka_jars import find_kafka
from pipeline.local.process import find_free_ports
from tests.chaos.account import Fault
from tests.chaos.footprints import FootprintLog
from tests.chaos.kafka_log import create_topics, lag
from tests.chaos.llm import FakeLlmProcess
from tests.chaos.load import PLAIN, Load, ProducerStyle, ToProduce
from tests.chaos.outcome_counter import OutcomeCounter
from tests.chaos.worker import Role, Worker

_START_SECONDS = 120.0
_MAX_IN_WORK = 1_000  # number of posts without an outcome above which no more are produced
_NUM_IDLE_LOOKS = (
    3  # looks with nothing left to read, after which posts without an outcome will never get one
)


@dataclass
class Rig:
    """The running parts. A scenario breaks them and records what it broke, and when, in `faults`."""

    kafka: ApacheKafka
    llm: FakeLlmProcess
    load: Load
    counter: OutcomeCounter
    chance: random.Random
    settings: Mapping[str, object]  # settings of the agents
    folder: Path
    workers: list[Worker] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    num_unasked_ends: int = 0  # number of ends of agents that have been stopped for good
    footprints: FootprintLog = field(default_factory=FootprintLog)
    # The ends of the outcome topics when a replay began, by partition; None: there was no replay.
    replayed_from: dict[tuple[str, int], int] | None = None
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def num_records(self) -> int:
        """Number of records that are produced in all."""
        return len(self.load.records)

    def of_role(self, role: Role) -> list[Worker]:
        """Return the running agents of one kind."""
        return [worker for worker in self.workers if worker.role == role]

    @asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[None]:
        """Record a fault that lasts as long as the context."""
        began = time.time()
        yield
        self.faults.append(Fault(name, began, time.time()))

    @asynccontextmanager
    async def instant_fault(self, name: str) -> AsyncIterator[None]:
        """Record a fault that is over when it begins: everything after it counts as recovery."""
        began = time.time()
        self.faults.append(Fault(name, began, began))
        yield

    async def until_part_done(self, part: float) -> None:
        """Return once this part of all records has an outcome."""
        await self.counter.until(int(part * self.num_records))

    async def until_worked_off(self) -> None:
        """Return once all produced records have an outcome; no more may be produced meanwhile."""
        await self.counter.until(self.load.num_produced)

    async def add_workers(self, role: Role, number: int) -> None:
        """Start this many more agents; returns when they are ready."""
        added = []
        for _ in range(number):
            log_file = self.folder / f"{role}-{next(self._numbers)}.log"
            added.append(Worker(role, self.settings, log_file))
            self.workers.append(added[-1])
            await added[-1].start()
        await asyncio.gather(*(worker.wait_until_ready() for worker in added))

    async def remove_workers(self, workers: Sequence[Worker]) -> None:
        """Stop these agents for good, all at once."""
        await asyncio.gather(*(worker.stop() for worker in workers))
        self.num_unasked_ends += sum(worker.num_unasked_ends for worker in workers)
        self.workers = [worker for worker in self.workers if worker not in workers]

    async def until_settled(self) -> None:
        """Return when every record has an outcome and all is committed, or when no more outcomes can come."""
        idle_looks = 0
        while idle_looks < _NUM_IDLE_LOOKS:
            await asyncio.sleep(1.0)
            is_idle = self.load.num_produced == self.num_records and await self._lag() == 0
            if is_idle and self.counter.number >= self.num_records:
                return
            idle_looks = idle_looks + 1 if is_idle else 0

    async def _lag(self) -> int | None:
        with suppress(KafkaError, OSError):
            return await lag(self.kafka.brokers)
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan by which a rig is made."""

    records: list[ToProduce]
    seed: int
    folder: Path
    num_nodes: int = 1
    per_second: float | None = None
    num_workers: int = 1  # number of agents of each role
    settings: Mapping[str, object] = field(default_factory=dict)
    styles: Sequence[ProducerStyle] = PLAIN


@asynccontextmanager
async def running(plan: Plan) -> AsyncIterator[Rig]:
    """Start everything, with agents ready and nothing produced; on leaving, end all of it."""
    async with AsyncExitStack() as stack:
        kafka = ApacheKafka(find_kafka(), plan.folder / "kafka", find_free_ports(plan.num_nodes))
        stack.push_async_callback(kafka.stop)
        await kafka.start()
        await kafka.wait_until_ready(_START_SECONDS)
        await create_topics(kafka.brokers, replication=plan.num_nodes)
        llm = FakeLlmProcess(plan.folder / "llm.log", plan.seed)
        stack.push_async_callback(llm.process.kill)
        await llm.start()
        counter = OutcomeCounter()
        rig = Rig(
            kafka=kafka,
            llm=llm,
            load=Load(
                plan.records,
                lambda produced: produced - counter.number < _MAX_IN_WORK,
                plan.per_second,
                plan.styles,
            ),
            counter=counter,
            chance=random.Random(plan.seed),
            settings=_settings(plan, kafka, llm),
            folder=plan.folder,
        )
        stack.push_async_callback(_stop_all, rig)
        await asyncio.gather(*(rig.add_workers(role, plan.num_workers) for role in ("annotate", "alert")))
        yield rig


async def _stop_all(rig: Rig) -> None:
    await rig.remove_workers(rig.workers)


def _settings(plan: Plan, kafka: ApacheKafka, llm: FakeLlmProcess) -> dict[str, object]:
    own: dict[str, object] = {"brokers": kafka.brokers, "llm_url": llm.url, "num_samples": 4}
    return {**own, "topic_replication": plan.num_nodes, **plan.settings}
