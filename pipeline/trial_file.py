"""`tocsin try --posts FILE`: many posts without Kafka, everything about each as a JSON object a line.

What evaluations are run over. A line of the file is a post (`id`, `text`) and may say what is in it, so that the network
is not asked: `entities` (texts, or objects with `text` and perhaps `type`, `start`, `end`, `score`) and `sentiment` (a label,
or an object with `label` and `score`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from models import Annotation, AnnotationError, Annotator
from pipeline.alert_generator import Generation
from pipeline.annotate_agent import to_annotated_post
from pipeline.codec import decode
from pipeline.errors import InvalidMessageError, RecordError, SettingsError, UnannotatableError
from pipeline.messages import Alert, AnnotatedPost, CheckpointRef, Entity, Post, PostId, Sentiment
from pipeline.program import load_annotator
from pipeline.settings import Settings
from pipeline.trial_llm import NO_ORIGIN, LlmCost, TrialLlm, counted, trial_llm

_NO_CHECKPOINT = CheckpointRef(name="given", sha256="0" * 64)
_MAX_LINE_BYTES = 2**20


class GivenEntity(Struct, frozen=True):
    """An entity as a file gives it; where `start` is missing it is the first place of `text`."""

    text: str
    type: str | None = None
    start: int | None = None
    score: float = 1.0


class GivenPost(Struct, frozen=True):
    """A line of the file; other fields are ignored."""

    id: PostId
    text: str
    entities: list[str | GivenEntity] | None = None
    sentiment: str | Sentiment | None = None


async def run_trial_file(file: Path, settings: Settings, *, ignores_given: bool = False) -> None:
    """Print an object for each line of the file in its order, and a last one, `{"summary": ...}`.

    Args:
        ignores_given: let the network annotate every post, whatever the file says of it.

    Raises:
        SettingsError: the file, the checkpoint or the device cannot be used.
        LocalServiceError: the embedded LLM does not come up, or ends.
    """
    lines = _read_lines(file)
    annotate = _Annotating(settings, ignores_given=ignores_given)
    began = time.monotonic()
    async with trial_llm(settings) as llm:
        await llm.while_running(_run(lines, annotate, llm))
        _print({"summary": _describe(llm) | {"posts": len(lines), "seconds": time.monotonic() - began}})


class _Annotating:
    """Annotates by what the file gives, and by the network, loaded when first needed, where it gives nothing."""

    def __init__(self, settings: Settings, *, ignores_given: bool) -> None:
        self._settings = settings
        self._ignores_given = ignores_given
        self._annotator: Annotator | None = None

    def __call__(self, given: GivenPost) -> AnnotatedPost:
        post = Post(id=given.id, text=given.text)
        if given.entities is None or given.sentiment is None or self._ignores_given:
            annotated = self._by_network(post)
        else:
            annotated = _annotated(post)
        if self._ignores_given:
            return annotated
        if given.entities is not None:
            entities = [_place(entity, given.text) for entity in given.entities]
            annotated = msgspec.structs.replace(annotated, entities=entities)
        if given.sentiment is not None:
            annotated = msgspec.structs.replace(annotated, sentiment=_sentiment(given.sentiment))
        return annotated

    def _by_network(self, post: Post) -> AnnotatedPost:
        if self._annotator is None:
            self._annotator = load_annotator(self._settings)
        [annotation] = self._annotator.annotate([post.text])
        if isinstance(annotation, AnnotationError):
            raise UnannotatableError(str(annotation))
        return _annotated(post, annotation, self._annotator)


def _annotated(
    post: Post, annotation: Annotation | None = None, annotator: Annotator | None = None
) -> AnnotatedPost:
    if annotation and annotator:
        return to_annotated_post(post, annotation, annotator.checkpoint, origin=NO_ORIGIN, stages=[])
    return AnnotatedPost(
        post=post, entities=[], sentiment=None, checkpoint=_NO_CHECKPOINT, origin=NO_ORIGIN, stages=[]
    )


def _place(given: str | GivenEntity, text: str) -> Entity:
    entity = GivenEntity(given) if isinstance(given, str) else given
    start = text.find(entity.text) if entity.start is None else entity.start
    if start < 0 or not entity.text or text[start : start + len(entity.text)] != entity.text:
        raise InvalidMessageError(f"entity {entity.text!r} is not in the text")
    return Entity(
        text=entity.text,
        type=entity.type or "MISC",
        start=start,
        end=start + len(entity.text),
        score=entity.score,
    )


def _sentiment(given: str | Sentiment) -> Sentiment:
    return Sentiment(label=given, score=1.0) if isinstance(given, str) else given


def _read_lines(file: Path) -> list[bytes]:
    try:
        return [line for line in file.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error


async def _run(lines: list[bytes], annotate: Callable[[GivenPost], AnnotatedPost], llm: TrialLlm) -> None:
    """Print what becomes of each line; as many posts in work as the settings allow requests."""
    places = asyncio.Semaphore(llm.settings.llm_max_requests)

    async def work(number: int, line: bytes) -> dict[str, Any]:
        async with places:
            return await _try(number, line, annotate, llm)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number, line)) for number, line in enumerate(lines, 1)]
        for task in tasks:
            _print(await task)


async def _try(
    number: int, line: bytes, annotate: Callable[[GivenPost], AnnotatedPost], llm: TrialLlm
) -> dict[str, Any]:
    shown: dict[str, Any] = {"line": number}
    cost, began = counted(), time.monotonic()
    try:
        given = decode(line, GivenPost, max_bytes=_MAX_LINE_BYTES)
        shown["id"] = given.id
        post = annotate(given)
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
    is_alert = isinstance(outcome, Alert)
    candidates = generation.candidates
    return {
        "outcome": "alert" if is_alert else outcome.reason,
        "alert": outcome.alert if is_alert else None,
        "theme": outcome.theme if is_alert else None,
        "entity": outcome.entity if is_alert else None,
        "selected_by": generation.method,
        "confidence": outcome.confidence if is_alert else None,
        "chosen": generation.chosen,
        "candidates": [
            {
                "theme": candidate.theme,
                "entity": candidate.entity.text,
                "count": candidate.count,
                "log_probability": candidate.log_probability,
            }
            for candidate in candidates
        ],
        "samples": [
            {
                "text": sample.text,
                "verdict": sample.rejected_by or "valid",
                "log_probability": sample.log_probability,
            }
            for sample in generation.samples
        ],
    }


def _describe_cost(cost: LlmCost) -> dict[str, Any]:
    return asdict(cost) | {"seconds": round(cost.seconds, 4)}


def _describe(llm: TrialLlm) -> dict[str, Any]:
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
    print(orjson.dumps(document).decode(), flush=True)
