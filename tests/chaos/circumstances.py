"""The circumstances of a run's figures: machine, versions, commit, time. No path, no name of a machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pipeline.local.kafka_jars import KafkaProgram

_REPOSITORY = Path(__file__).parents[2]


def circumstances(kafka: KafkaProgram, command: str) -> dict[str, str]:
    """Return the circumstances in words."""
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "command": command,
        "versions": f"tocsin {metadata.version('tocsin')}, Apache Kafka {_kafka_version(kafka)}, "
        f"Python {platform.python_version()}",
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.system()}",
    }


def _commit() -> str:
    """Return the short commit, with a mark if the code that was run differs from it."""
    commit = _git("rev-parse", "--short", "HEAD")
    is_changed = _git("status", "--porcelain", "--", "pipeline", "models", "tests/chaos/*.py")
    return commit + (" with changes" if is_changed else "") if commit else "unknown"


def _git(*arguments: str) -> str:
    try:
        found = subprocess.run(
            ["git", *arguments], cwd=_REPOSITORY, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def _kafka_version(kafka: KafkaProgram) -> str:
    jar = next(kafka.libs.glob("kafka_2.13-*.jar"))
    return jar.stem.rpartition("-")[2]


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
