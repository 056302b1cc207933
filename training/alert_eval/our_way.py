"""The pipeline's own alert generator over posts, run as a program: `tocsin try --posts`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.alert_eval.gold_posts import AlertInput
from training.alert_eval.rows import PostResult, Row
from training.errors import WriterError

# Ways to write alerts are compared on all posts: some of the gold posts are not English, and given entities have no
# type. Variables of one's own environment come first.
_ALL_POSTS = {"TOCSIN_LANGUAGES": "all", "TOCSIN_MENTIONS": "all"}


def run_pipeline(inputs: Sequence[AlertInput], row: Row, url: str) -> list[PostResult]:
    """Return the result of each post, by the LLM server at `url`.

    Raises:
        WriterError: the program fails.
    """
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        file = Path(folder) / "posts.jsonl"
        file.write_text("".join(f"{json.dumps(_as_line(post))}\n" for post in inputs), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "pipeline.cli", "try", "--posts", str(file), "--llm-url", url]
        done = subprocess.run(  # noqa: S603 - our own program
            command, env=_ALL_POSTS | os.environ | _environment(row), capture_output=True, check=False
        )
    if done.returncode != 0:
        raise WriterError(
            f"`tocsin try --posts` failed: {done.stderr.decode(errors='replace').strip()[-400:]}"
        )
    lines = [json.loads(line) for line in done.stdout.decode().splitlines() if line]
    return [parse_result(line, post.id) for line, post in zip(lines, inputs, strict=False)]


def parse_result(line: dict[str, Any], post_id: str) -> PostResult:
    """Return the result that a line of the program's output gives."""
    cost = line["llm"]
    return PostResult(
        post_id=post_id,
        theme=line.get("theme"),
        entity=line.get("entity"),
        reason=line["outcome"],
        num_tokens=cost["prompt_tokens"] + cost["completion_tokens"],
        seconds=cost["seconds"],
        samples=tuple(sample["text"] for sample in line.get("samples", ())),
        confidence=line.get("confidence"),
    )


def _as_line(post: AlertInput) -> dict[str, Any]:
    line: dict[str, Any] = {"id": post.id, "text": post.text}
    if post.entities is not None:
        line |= {"entities": list(post.entities), "sentiment": post.sentiment}
    return line


def _environment(row: Row) -> dict[str, str]:
    # Nothing is held back, so that one run shows what is left at every threshold.
    least = {"TOCSIN_MIN_CONFIDENCE": "0"} if row.selection == "judge" else {}
    return least | {
        "TOCSIN_CANDIDATE_PROMPT": row.prompt,
        "TOCSIN_NUM_SAMPLES": str(row.num_samples),
        "TOCSIN_SELECTION": row.selection,
        "TOCSIN_LLM_CONSTRAINT": row.constraint,
        "TOCSIN_TEMPERATURE": str(row.temperature),
        "TOCSIN_LLM_MAX_REQUESTS": "1",
        "TOCSIN_LLM_TIMEOUT_SECONDS": "600",
        "OMP_NUM_THREADS": "1",
    }
