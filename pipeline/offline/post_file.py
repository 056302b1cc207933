"""`tocsin try --posts FILE`: many posts without Kafka, everything about each as a JSON object a line.

What evaluations are run over. A line of the file is a post as `tocsin produce` takes it and may say what is in it, so
that the network is not asked: `entities` (texts, or objects with `text` and perhaps `type`, `start`, `score`) and
`sentiment` (a label, or an object with `label` and `score`). Fields of these names that hold anything else, as other
programs write them, give nothing; the line's `ignored` names them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.alert.attempt import Generation
from pipeline.alert.metrics import VALID
from pipeline.errors import RecordError, TocsinError
from pipeline.messages import Alert, AnnotatedPost
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.offline.given_post import GivenAnnotator, read_given_post
from pipeline.offline.session import LlmCost, Session, open_session, start_counting
from pipeline.printable import json_line
from pipeline.settings import Settings
from pipeline.sources.json_lines import Line, read_all_post_lines


async def run_trial_file(file: Path, settings: Settings, *, ignores_given: bool = False) -> None:
    """Print an object for each line of the file in its order, and a last one, `{"summary": ...}`.

    Args:
        ignores_given: let the network annotate every post, whatever the file says of it.

    Raises:
        SettingsError: the file, the checkpoint or the device cannot be used.
        LocalServiceError: the embedded LLM does not come up, or ends.
    """
    lines = await read_all_post_lines(file)
    annotator = GivenAnnotator(settings, ignores_given=ignores_given)
    unknown = UnknownFields()
    began = time.monotonic()
    async with open_session(settings) as llm:
        await llm.while_running(_run(lines, annotator, llm, unknown))
        _print({"summary": _describe(llm) | {"posts": len(lines), "seconds": time.monotonic() - began}})
    if unknown:
        print(f"{NOT_OF_A_POST}: {unknown}", file=sys.stderr)


async def _run(lines: list[Line], annotator: GivenAnnotator, llm: Session, unknown: UnknownFields) -> None:
    """Print what becomes of each line; as many posts in work as the settings allow requests."""
    places = asyncio.Semaphore(llm.settings.llm_max_requests)

    async def work(line: Line) -> dict[str, Any]:
        async with places:
            return await _try(line, annotator, llm, unknown)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(line)) for line in lines]
            for task in tasks:
                _print(await task)
    except* TocsinError as errors:
        mistake = errors.exceptions[0]  # of a checkpoint, say, which is the same for every line
    else:
        return
    raise mistake


async def _try(line: Line, annotator: GivenAnnotator, llm: Session, unknown: UnknownFields) -> dict[str, Any]:
    shown: dict[str, Any] = {"line": line.number}
    cost, began = start_counting(), time.monotonic()
    try:
        given = read_given_post(line.content, max_bytes=llm.settings.max_post_bytes, on_unknown=unknown.note)
        shown["id"] = given.post.id
        if given.ignored:
            shown["ignored"] = given.ignored
        post = annotator.annotate(given)
        shown |= _describe_annotation(post)
        shown |= _describe_generation(await llm.generator.generate(post))
    except RecordError as error:
        shown |= {"outcome": error.reason, "error": str(error)}
    return shown | {"llm": _describe_cost(cost), "seconds": round(time.monotonic() - began, 4)}


def _describe_annotation(post: AnnotatedPost) -> dict[str, Any]:
    sentiment = post.sentiment and post.sentiment.label
    return {"entities": [entity.text for entity in post.entities], "sentiment": sentiment}


def _describe_generation(generation: Generation) -> dict[str, Any]:
    outcome = generation.outcome
    alert = outcome if isinstance(outcome, Alert) else None
    return {
        "outcome": "alert" if isinstance(outcome, Alert) else outcome.reason,
        "alert": alert and alert.alert,
        "theme": alert and alert.theme,
        "entity": alert and alert.entity,
        "selected_by": generation.method,
        "confidence": alert and alert.confidence,
        "chosen": generation.chosen,
        "candidates": [
            {
                "theme": candidate.theme,
                "entity": candidate.entity.text,
                "count": candidate.count,
                "log_probability": candidate.log_probability,
            }
            for candidate in generation.candidates
        ],
        "samples": [
            {
                "text": sample.text,
                "verdict": sample.rejected_by or VALID,
                "log_probability": sample.log_probability,
            }
            for sample in generation.samples
        ],
    }


def _describe_cost(cost: LlmCost) -> dict[str, Any]:
    return asdict(cost) | {"seconds": round(cost.seconds, 4)}


def _describe(llm: Session) -> dict[str, Any]:
    settings = llm.settings
    return {
        "llm": llm.client.model,
        "constraint": llm.client.dialect,
        "template": llm.client.template,
        "num_samples": settings.num_samples,
        "temperature": settings.temperature,
        "selection": settings.selection,
    }


def _print(document: dict[str, Any]) -> None:
    print(json_line(document), flush=True)
