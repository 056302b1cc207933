"""The network as the pipeline uses it: loaded as the settings say, run so that one text cannot stop the others."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence

import models
from models import (
    DEFAULT_CHECKPOINT,
    Annotation,
    AnnotationError,
    Annotator,
    ModelsError,
    UnknownGuidelinesError,
)
from pipeline.errors import SettingsError
from pipeline.messages import (
    MAX_ENTITIES,
    AnnotatedPost,
    CheckpointRef,
    Entity,
    Origin,
    Post,
    Sentiment,
    StageTime,
)
from pipeline.settings import Settings, assignment

logger = logging.getLogger(__name__)

_CANARY = "A fire broke out in Athens on Monday."


def load_annotator(settings: Settings) -> Annotator:
    """Return the network that these settings name.

    Raises:
        SettingsError: the checkpoint or the device cannot be used, or the guidelines are unknown to it.
    """
    checkpoint = settings.checkpoint or DEFAULT_CHECKPOINT
    try:
        annotator = Annotator.from_checkpoint(checkpoint, device=settings.device)
        if settings.guidelines is not None:
            annotator = annotator.following(settings.guidelines)
    except UnknownGuidelinesError as error:
        raise SettingsError(
            [f"{assignment('guidelines', settings.guidelines)}: {checkpoint}: {error}"]
        ) from error
    # PyTorch's own errors: a device that is not there, and any GPU where PyTorch is built for none.
    except (ModelsError, RuntimeError, AssertionError) as error:
        found = f"{assignment('checkpoint', str(checkpoint))}, {assignment('device', settings.device)}"
        raise SettingsError([f"{found}: cannot be used: {error}"]) from error
    # What is loaded by now stays: the garbage collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    return annotator


def to_annotated_post(
    post: Post, annotation: Annotation, annotator: Annotator, *, origin: Origin, stages: list[StageTime]
) -> AnnotatedPost:
    """Return the post with what the annotator found in it, in the wire form."""
    sentiment, checkpoint = annotation.sentiment, annotator.checkpoint
    return AnnotatedPost(
        post=post,
        entities=[
            Entity(text=e.text, type=e.type, start=e.start, end=e.end, score=e.score)
            for e in _most_certain(annotation)
        ],
        sentiment=Sentiment(label=sentiment.label, score=sentiment.score) if sentiment else None,
        checkpoint=CheckpointRef(
            name=checkpoint.name, sha256=checkpoint.sha256, guidelines=annotator.guidelines
        ),
        origin=origin,
        stages=stages,
    )


def _most_certain(annotation: Annotation) -> Sequence[models.Entity]:
    if len(annotation.entities) <= MAX_ENTITIES:
        return annotation.entities
    kept = sorted(annotation.entities, key=lambda entity: -entity.score)[:MAX_ENTITIES]
    return sorted(kept, key=lambda entity: entity.start)


def annotate_safely(
    annotator: Annotator, texts: list[str], timings: dict[str, float]
) -> Sequence[Annotation | AnnotationError]:
    """Annotate the batch; if that raises, each text alone, so that one text cannot take others with it.

    Raises:
        Exception: the network annotates no text at all, so that no post is to blame.
    """
    try:
        return annotator.annotate(texts, timings)
    except Exception:
        logger.exception("annotating a batch of %d posts failed; trying each alone", len(texts))
        annotator.annotate([_CANARY])
        return [_annotate_alone(annotator, text) for text in texts]


def _annotate_alone(annotator: Annotator, text: str) -> Annotation | AnnotationError:
    try:
        return annotator.annotate([text])[0]
    except Exception as error:
        return AnnotationError(f"the network failed on this text: {type(error).__name__}")
