"""`python -m tests.chaos`: run scenarios, write the report; the status is 1 where a bar is missed."""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.errors import LocalServiceError
from pipeline.local.kafka_jars import find_kafka
from tests.chaos import report
from tests.chaos.circumstances import circumstances
from tests.chaos.faults import DEFAULT, SCENARIOS
from tests.chaos.faults.steady import POSTS_PER_SECOND
from tests.chaos.run_scenario import run_scenario
from tests.chaos.scenario import Scenario
from tests.kafka_jars import name_shared_jars

_FOLDER = Path(__file__).parent
_LOGS = Path(".cache/chaos")
_SETTLE_SECONDS = 300.0


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments ask for; returns the exit status."""
    options = _parser().parse_args(arguments)
    name_shared_jars()
    try:
        kafka = find_kafka()
    except LocalServiceError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        return 2
    # Clients say several times a second that a broker is away, which here is meant.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    command = " ".join(["make chaos", *_shown(arguments)])
    rows = []
    for scenario in _chosen(options):
        row = asyncio.run(_run(scenario, options, circumstances(kafka, command)))
        rows.append(row)
        print(f"{row['name']:18} {row['verdict']:7} {'; '.join(row['breaches'])}", flush=True)
        # After each: what was found is kept, whatever becomes of the next.
        report.write(options.report, report.merge(options.report, [row], SCENARIOS))
    print(f"{options.report / report.MARKDOWN_NAME} is written; logs of the agents: {_LOGS}")
    return int(any(row["breaches"] for row in rows))


async def _run(scenario: Scenario, options: argparse.Namespace, known: dict[str, str]) -> report.Row:
    folder = _LOGS / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    num_posts = options.posts or scenario.num_posts
    print(f"{scenario.name:18} {scenario.title}, {num_posts} posts", flush=True)
    result = await run_scenario(scenario, num_posts=num_posts, seed=options.seed, folder=folder.resolve())
    return report.to_row(result, known | {"seed": options.seed})


def _chosen(options: argparse.Namespace) -> list[Scenario]:
    if options.soak is None:
        return [SCENARIOS[name] for name in options.faults or DEFAULT]
    seconds = options.soak * 60
    steady = replace(
        SCENARIOS["steady"],
        title=f"steady load for {options.soak:g} minutes",
        num_posts=int(seconds * POSTS_PER_SECOND),
        deadline_seconds=seconds + _SETTLE_SECONDS,
    )
    return [*(SCENARIOS[name] for name in options.faults or ()), steady]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument(
        "--faults", type=_names, metavar="NAME[,...]", help=f"only these: {', '.join(DEFAULT)}"
    )
    parser.add_argument("--posts", type=int, help="in each scenario; unset: what each has for itself")
    parser.add_argument("--seed", type=int, default=1, help="of posts, times and victims (default 1)")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="steady load for so long, and only that"
    )
    parser.add_argument(
        "--report", type=Path, default=_FOLDER, metavar="FOLDER", help="where the report goes"
    )
    return parser


def _names(value: str) -> list[str]:
    names = value.split(",")
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise argparse.ArgumentTypeError(f"no scenario {', '.join(unknown)}: there is {', '.join(SCENARIOS)}")
    return names


def _shown(arguments: Sequence[str]) -> list[str]:
    """Return how `make` was given the arguments, less the folder of the report, which changes no figure."""
    shown = list(arguments)
    if "--report" in shown:
        at = shown.index("--report")
        del shown[at : at + 2]
    return [f'CHAOS_ARGS="{" ".join(shown)}"'] if shown else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
