"""The harness end to end: it finds manipulations of the outcomes."""

import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.chaos.kafka_log import ALERTS, read_all
from tests.chaos.load import Produced, ToProduce
from tests.chaos.rig import Rig
from tests.chaos.run_scenario import run_scenario
from tests.chaos.scenario import Bar, Scenario
from tests.pipeline.kafka.brokers import kafka_or_skip

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]


async def _cheat(rig: Rig) -> None:
    """Publish a second, different alert of one post, and claim a post that was never produced."""
    await rig.until_settled()
    first = (await read_all(rig.kafka.brokers, [ALERTS]))[0]
    forged = json.loads(first.value or b"") | {"alert": "False alarm: Nowhere"}
    producer = AIOKafkaProducer(bootstrap_servers=rig.kafka.brokers)
    await producer.start()
    await producer.send_and_wait(ALERTS, key=first.key, value=json.dumps(forged).encode())
    await producer.stop()
    is_victim = [produced.record.key == first.key for produced in rig.load.produced]
    rig.load.produced[is_victim.index(False)] = Produced(ToProduce("never-produced", b""), 0, 0)


async def test_a_loss_and_a_second_alert_are_found(tmp_path: Path) -> None:
    """After one claimed post and one second alert just these two miss the bar, and nothing else."""
    kafka_or_skip()
    scenario = Scenario("cheat", "cheat", "", Bar(doubled=0, unknown=None), _cheat, num_posts=40)
    result = await run_scenario(scenario, num_posts=40, seed=1, folder=tmp_path)
    assert result.breaches == ["missing: 1 (bar 0)", "doubled: 1 (bar 0)", "differing: 1 (bar 0)"]
    assert result.figures is not None
    assert result.figures.notes["missing ids"] == ["never-produced"]
