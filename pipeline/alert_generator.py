"""From an annotated post to its alert: sample, filter, select; or an abstention with the reason.

Whatever is random is seeded by the post's id, so that a redelivered post is asked about in the same way.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pipeline.constraint import alert_grammar
from pipeline.errors import InvalidMessageError
from pipeline.filters import Candidate, Grounds, JudgedSample, judge, merge
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    Provenance,
    SelectionMethod,
    Sentiment,
    StageTime,
    outcome_id,
)
from pipeline.prompts import ChatMessage, load_prompt
from pipeline.prompts.plain_text import as_data, visible, without_urls
from pipeline.selection import Chooser, Selection, select, shuffle

CANDIDATE_PROMPT = "candidate-v1"
SELECTION_PROMPT = "selection-v1"
MAX_POST_BYTES = 1200  # of a post in a prompt; about 300 tokens of English, at most 1,200 of anything


class Llm(Chooser, Protocol):
    """What the generator needs of `LlmClient`."""

    @property
    def model(self) -> str:
        """Name of the model, as the server gives it."""

    async def sample(
        self,
        messages: Sequence[ChatMessage],
        *,
        num_samples: int,
        temperature: float,
        max_tokens: int,
        seed: int,
        grammar: str | None = None,
    ) -> list[str]:
        """Return `num_samples` answers."""


@dataclass(frozen=True)
class Generation:
    """An outcome and the way to it, for metrics and `tocsin try`."""

    outcome: Alert | Abstention
    samples: tuple[JudgedSample, ...]
    candidates: tuple[Candidate, ...]  # distinct, in the order in which the LLM saw them
    chosen: int | None  # index of the published candidate
    method: SelectionMethod | None


class AlertGenerator:
    """Writes one alert a post with an LLM, or abstains.

    Args:
        num_samples: candidates sampled for a post.
        temperature: sampling temperature of the candidates; selection is greedy.
        max_tokens: tokens of one sample, and of the selection's answer.
    """

    def __init__(self, llm: Llm, *, num_samples: int, temperature: float, max_tokens: int) -> None:
        self._llm = llm
        self._num_samples = num_samples
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._candidate_prompt = load_prompt(CANDIDATE_PROMPT)
        self._selection_prompt = load_prompt(SELECTION_PROMPT)
        answers = (answer for _, answer in self._candidate_prompt.examples)
        self._example_themes = frozenset(answer.partition(":")[0] for answer in answers)

    async def generate(self, post: AnnotatedPost) -> Generation:
        """Return the post's alert or abstention.

        Raises:
            InvalidMessageError: the annotation does not fit its post.
            LlmRefusedError: the LLM server refuses this post's prompt.
        """
        grounds = Grounds.of(post, self._example_themes)
        clock = _StageClock()
        if not visible(post.post.text):
            return self._abstain(post, AbstentionReason.NO_TEXT, (), clock)
        if not grounds.entities:
            return self._abstain(post, AbstentionReason.NO_ENTITY, (), clock)
        sentiment = _checked_sentiment(post)
        with clock.stage("sample"):
            texts = await self._sample(post, grounds, sentiment)
        with clock.stage("filter"):
            samples = tuple(judge(text, grounds) for text in texts)
            candidates = shuffle(merge(samples), _seed(post))
        if not candidates:
            return self._abstain(post, AbstentionReason.NO_VALID_CANDIDATE, samples, clock)
        with clock.stage("select"):
            selection = await select(
                candidates,
                self._llm,
                self._selection_prompt,
                post=_post_data(post),
                max_tokens=self._max_tokens,
                seed=_seed(post),
            )
        alert = self._alert(post, sentiment, samples, candidates, selection, clock)
        return Generation(alert, samples, candidates, selection.index, selection.method)

    async def _sample(self, post: AnnotatedPost, grounds: Grounds, sentiment: Sentiment) -> list[str]:
        messages = self._candidate_prompt.render(
            post=_post_data(post), entities="; ".join(grounds.entities), sentiment=sentiment.label
        )
        return await self._llm.sample(
            messages,
            num_samples=self._num_samples,
            temperature=self._temperature,
            max_tokens=self._max_tokens,
            seed=_seed(post),
            grammar=alert_grammar(grounds.entities),
        )

    def _alert(
        self,
        post: AnnotatedPost,
        sentiment: Sentiment,
        samples: tuple[JudgedSample, ...],
        candidates: tuple[Candidate, ...],
        selection: Selection,
        clock: _StageClock,
    ) -> Alert:
        chosen = candidates[selection.index]
        entity = chosen.entity
        return Alert(
            id=outcome_id(post.post.id),
            # For people: an entity may hold line breaks or characters that steer a terminal.
            alert=f"{chosen.theme}: {visible(entity.text)}",
            theme=chosen.theme,
            entity=entity.text,
            entity_type=entity.type,
            entity_start=entity.start,
            entity_end=entity.end,
            sentiment=sentiment,
            post=post.post,
            origin=post.origin,
            provenance=self._provenance(post, samples, candidates, selection.method),
            stages=[*post.stages, *clock.times],
        )

    def _abstain(
        self,
        post: AnnotatedPost,
        reason: AbstentionReason,
        samples: tuple[JudgedSample, ...],
        clock: _StageClock,
    ) -> Generation:
        abstention = Abstention(
            id=outcome_id(post.post.id),
            reason=reason,
            post=post.post,
            origin=post.origin,
            provenance=self._provenance(post, samples, (), None),
            stages=[*post.stages, *clock.times],
        )
        return Generation(abstention, samples, (), None, None)

    def _provenance(
        self,
        post: AnnotatedPost,
        samples: tuple[JudgedSample, ...],
        candidates: tuple[Candidate, ...],
        method: SelectionMethod | None,
    ) -> Provenance:
        is_asked = bool(samples)
        is_selected = method not in (None, SelectionMethod.ONLY_CANDIDATE)
        return Provenance(
            checkpoint=post.checkpoint,
            llm=self._llm.model if is_asked else None,
            candidate_prompt=self._candidate_prompt.ref if is_asked else None,
            selection_prompt=self._selection_prompt.ref if is_selected else None,
            num_sampled=len(samples),
            num_valid=len(candidates),
            selected_by=method,
        )


class _StageClock:
    """Times the stages of one post."""

    def __init__(self) -> None:
        self.times: list[StageTime] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Append the time of what runs inside."""
        started_at, began = datetime.now(UTC), time.monotonic()
        yield
        self.times.append(StageTime(name=name, started_at=started_at, seconds=time.monotonic() - began))


def _checked_sentiment(post: AnnotatedPost) -> Sentiment:
    """Return the post's sentiment if the annotation fits the post: what is published must be in the text."""
    for entity in post.entities:
        if post.post.text[entity.start : entity.end] != entity.text:
            raise InvalidMessageError(
                f"entity at {entity.start}:{entity.end} is not the post's text at these offsets"
            )
    if post.sentiment is None:
        raise InvalidMessageError("entities without a sentiment")
    return post.sentiment


def _post_data(post: AnnotatedPost) -> str:
    return as_data(without_urls(post.post.text), max_bytes=MAX_POST_BYTES)


def _seed(post: AnnotatedPost) -> int:
    """Return a number from 0 to 2^31 - 1 that depends on the post's id alone."""
    return int.from_bytes(hashlib.sha256(post.post.id.encode()).digest()[:4]) & 0x7FFFFFFF
