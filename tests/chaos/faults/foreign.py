"""Posts of foreign producers: compressed by each codec, in transactions, some of them aborted."""

from __future__ import annotations

import asyncio

from tests.chaos.load import ProducerStyle
from tests.chaos.rig import Rig
from tests.chaos.scenario import Bar, Scenario

_STYLES = (
    ProducerStyle(),
    *(ProducerStyle(codec) for codec in ("gzip", "snappy", "lz4", "zstd")),
    ProducerStyle(is_transactional=True),
    ProducerStyle("zstd", is_transactional=True),
)


async def killed_beside(rig: Rig) -> None:
    """SIGKILL each kind of agent once, so that the records that it reads again are of foreign producers too."""
    for part, role in ((0.3, "annotate"), (0.6, "alert")):
        await rig.until_part_done(part)
        [victim] = [worker for worker in rig.workers if worker.role == role]
        await victim.wait_until_ready()
        async with rig.instant_fault(f"SIGKILL {role}"):
            await victim.kill()
        await asyncio.sleep(1.0)


SCENARIOS = (
    Scenario(
        name="foreign-producers",
        title="compressed (gzip, snappy, lz4, zstd) and transactional producers in the mix, SIGKILL of either agent",
        bar_text="0 missing, 0 of an aborted transaction",
        bar=Bar(),
        apply=killed_beside,
        num_posts=10_000,
        styles=_STYLES,
    ),
)
