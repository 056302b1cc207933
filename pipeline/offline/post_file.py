"""`tocsin try --posts FILE`: writes the alerts of many posts and prints everything about each post as a line of JSON.

Evaluations read these lines. The file is one as `tocsin produce` takes it. A post in our own form may also give
`entities` (texts, or objects with `text` and optionally `type`, `start` and `score`) and `sentiment` (a label, or an
object with `label` and `score`); the network finds what is missing. If a field of these names has another form, because
other programs use the same name, it is ignored, and the printed line names it in `ignored`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.alert.candidates import Candidate, CheckedSample
from pipeline.alert.metrics import VALID
from pipeline.alert.outcome import AlertResult
from pipeline.errors import RecordError, TocsinError
from pipeline.messages import Alert, AnnotatedPost
from pipeline.messages.unknown_fields import NOT_OF_A_POST, UnknownFields
from pipeline.offline.given_post import Given, GivenAnnotator, GivenReader
from pipeline.offline.session import LlmCost, Session, open_session, start_counting
from pipeline.printable import json_line
from pipeline.settings import Settings
from pipeline.sources.post_file import read_all_documents


async def run_trial_file(file: Path, settings: Settings, *, ignores_given: bool = False) -> None:
    """Print an object for each post of the file, in order, and `{"summary": ...}` at the end.

    Args:
        ignores_given: let the network annotate every post, even if the file gives entities and sentiment.

    Raises:
        SettingsError: the file, the mapping, the checkpoint or the device cannot be used.
        LocalServiceError: the embedded LLM does not start, or ends.
    """
    unknown = UnknownFields()
    reader = GivenReader(settings, on_unknown=unknown.note)
    posts = [given for document in await read_all_documents(file) for given in reader.read(document)]
    annotator = GivenAnnotator(settings, ignores_given=ignores_given)
    began = time.monotonic()
    async with open_session(settings) as llm:
        await llm.while_running(_run(posts, annotator, llm))
        _print({"summary": _describe(llm) | {"posts": len(posts), "seconds": time.monotonic() - began}})
    if unknown:
        print(f"{NOT_OF_A_POST}: {unknown}", file=sys.stderr)


async def _run(posts: list[Given], annotator: GivenAnnotator, llm: Session) -> None:
    """Print the outcome of each post, working on as many at once as the settings allow requests."""
    slots = asyncio.Semaphore(llm.settings.llm_max_requests)

    async def work(given: Given) -> dict[str, Any]:
        async with slots:
            return await _try(given, annotator, llm)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(given)) for given in posts]
            for task in tasks:
                _print(await task)
    except* TocsinError as errors:
        first = errors.exceptions[0]  # a broken checkpoint, for example, is the same error for every post
    else:
        return
    raise first


async def _try(given: Given, annotator: GivenAnnotator, llm: Session) -> dict[str, Any]:
    shown: dict[str, Any] = {"line": given.number}
    cost, began = start_counting(), time.monotonic()
    try:
        if isinstance(given.content, RecordError):
            raise given.content
        shown["id"] = given.content.post.id
        if given.content.ignored:
            shown["ignored"] = given.content.ignored
        post = annotator.annotate(given.content)
        shown |= _describe_annotation(post)
        shown |= _describe_result(await llm.generator.generate(post))
    except RecordError as error:
        shown |= {"outcome": error.reason, "error": str(error)}
    return shown | {"llm": _describe_cost(cost), "seconds": round(time.monotonic() - began, 4)}


def _describe_annotation(post: AnnotatedPost) -> dict[str, Any]:
    sentiment = post.sentiment and post.sentiment.label
    return {
        "language": post.language,
        "entities": [entity.text for entity in post.entities],
        "sentiment": sentiment,
    }


def _describe_result(result: AlertResult) -> dict[str, Any]:
    outcome = result.outcome
    alert = outcome if isinstance(outcome, Alert) else None
    return {
        "outcome": "alert" if isinstance(outcome, Alert) else outcome.reason,
        "alert": alert and alert.alert,
        "theme": alert and alert.theme,
        "entity": alert and alert.entity,
        "selected_by": result.method,
        "confidence": outcome.confidence,
        "doubted": None if isinstance(outcome, Alert) else outcome.doubted,
        "chosen": result.chosen,
        "candidates": [_describe_candidate(candidate) for candidate in result.candidates],
        "samples": [_describe_sample(sample) for sample in result.samples],
    }


def _describe_candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "theme": candidate.theme,
        "entity": candidate.entity.text,
        "count": candidate.count,
        "log_probability": candidate.log_probability,
        "truth": candidate.truth,
    }


def _describe_sample(sample: CheckedSample) -> dict[str, Any]:
    return {
        "text": sample.text,
        "verdict": sample.rejected_by or VALID,
        "log_probability": sample.log_probability,
        "truth": sample.truth,
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
