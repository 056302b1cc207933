"""From an annotated post to its alert: sample, filter, select; or an abstention with the reason.

Whatever is random is seeded by the post's id, so that a redelivered post is asked about in the same way.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from models.prompts.plain_text import shown_post, visible
from models.prompts.prompt import ChatMessage, load_prompt, prompt_fields
from pipeline.alert.attempt import Attempt, Generation
from pipeline.alert.candidates import Candidate, JudgedSample, merge
from pipeline.alert.evidence import Grounds
from pipeline.alert.filters import REFUSAL, judge
from pipeline.alert.grammar import alert_grammar
from pipeline.alert.selection import Chooser, SelectionName, Selector, shuffle
from pipeline.errors import InvalidMessageError
from pipeline.llm.answers import Sample
from pipeline.messages import (
    Abstention,
    AbstentionReason,
    Alert,
    AnnotatedPost,
    Provenance,
    SelectionMethod,
    Sentiment,
    outcome_id,
)

CANDIDATE_PROMPT = "candidate-v1"
SELECTION_PROMPT = "selection-v2"
# Nothing is published where the LLM says that no alert is due: so probable, or where the server gives no
# log-probabilities by such a share of the samples. Best for the shipped writer's abstentions on held-out posts.
REFUSAL_PROBABILITY = 0.4
REFUSED_SHARE = 0.75


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
    ) -> list[Sample]:
        """Return `num_samples` answers."""


class AlertGenerator:
    """Writes one alert a post with an LLM, or abstains.

    Args:
        num_samples: candidates sampled for a post.
        temperature: sampling temperature of the candidates; selection is greedy.
        max_tokens: tokens of one sample, and of the selection's answer.
        selection: the method.
        candidate_prompt: the prompt of the samples; a fine-tuned model wants its own.
    """

    def __init__(
        self,
        llm: Llm,
        *,
        num_samples: int,
        temperature: float,
        max_tokens: int,
        selection: SelectionName = "llm",
        candidate_prompt: str = CANDIDATE_PROMPT,
    ) -> None:
        self._llm = llm
        self._num_samples = num_samples
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._candidate_prompt = load_prompt(candidate_prompt)
        self._selection_prompt = load_prompt(SELECTION_PROMPT)
        self._selector = Selector(selection, llm, self._selection_prompt, max_tokens=max_tokens)
        answers = (answer for _, answer in self._candidate_prompt.examples)
        self._example_themes = frozenset(answer.partition(":")[0] for answer in answers)

    async def generate(self, post: AnnotatedPost) -> Generation:
        """Return the post's alert or abstention.

        Raises:
            InvalidMessageError: the annotation does not fit its post.
            LlmRefusedError: the LLM server refuses this post's prompt.
        """
        attempt = Attempt(post)
        if not visible(post.post.text):
            return self._abstain(attempt, AbstentionReason.NO_TEXT)
        grounds = Grounds.of(post, self._example_themes)
        if not grounds.entities:
            return self._abstain(attempt, AbstentionReason.NO_ENTITY)
        sentiment = _checked_sentiment(post)
        with attempt.stage("sample"):
            answers = await self._sample(post, grounds, sentiment)
        with attempt.stage("filter"):
            attempt.samples = tuple(
                replace(self._judge(answer, grounds), log_probability=answer.log_probability)
                for answer in answers
            )
            attempt.candidates = shuffle(merge(attempt.samples), _seed(post))
        if _is_refused(attempt.samples):
            return self._abstain(attempt, AbstentionReason.NONE_SELECTED)
        if not attempt.candidates:
            return self._abstain(attempt, AbstentionReason.NO_VALID_CANDIDATE)
        with attempt.stage("select"):
            attempt.selection = await self._selector.select(
                attempt.candidates, post=shown_post(post.post.text), seed=_seed(post)
            )
        if attempt.selection.index is None:
            return self._abstain(attempt, AbstentionReason.NONE_SELECTED)
        return attempt.end(self._alert(attempt, attempt.candidates[attempt.selection.index], sentiment))

    async def _sample(self, post: AnnotatedPost, grounds: Grounds, sentiment: Sentiment) -> list[Sample]:
        fields = prompt_fields(post.post.text, grounds.entities, sentiment.label)
        messages = self._candidate_prompt.render(**fields)
        return await self._llm.sample(
            messages,
            num_samples=self._num_samples,
            temperature=self._temperature,
            max_tokens=self._max_tokens,
            seed=_seed(post),
            grammar=alert_grammar(grounds.entities, self._candidate_prompt.refusal),
        )

    def _judge(self, answer: Sample, grounds: Grounds) -> JudgedSample:
        return judge(answer.text, grounds, self._candidate_prompt.refusal)

    def _alert(self, attempt: Attempt, chosen: Candidate, sentiment: Sentiment) -> Alert:
        entity = chosen.entity
        return Alert(
            id=outcome_id(attempt.post.post.id),
            # For people: an entity may hold line breaks or characters that steer a terminal.
            alert=f"{chosen.theme}: {visible(entity.text)}",
            theme=chosen.theme,
            entity=entity.text,
            entity_type=entity.type,
            entity_start=entity.start,
            entity_end=entity.end,
            confidence=attempt.selection.confidence if attempt.selection else None,
            sentiment=sentiment,
            post=attempt.post.post,
            origin=attempt.post.origin,
            provenance=self._provenance(attempt),
            stages=[*attempt.post.stages, *attempt.times],
        )

    def _abstain(self, attempt: Attempt, reason: AbstentionReason) -> Generation:
        return attempt.end(
            Abstention(
                id=outcome_id(attempt.post.post.id),
                reason=reason,
                post=attempt.post.post,
                origin=attempt.post.origin,
                provenance=self._provenance(attempt),
                stages=[*attempt.post.stages, *attempt.times],
            )
        )

    def _provenance(self, attempt: Attempt) -> Provenance:
        is_asked = bool(attempt.samples)
        method = attempt.selection.method if attempt.selection else None
        is_selected = self._selector.name == "llm" and method not in (None, SelectionMethod.ONLY_CANDIDATE)
        return Provenance(
            checkpoint=attempt.post.checkpoint,
            llm=self._llm.model if is_asked else None,
            candidate_prompt=self._candidate_prompt.ref if is_asked else None,
            selection_prompt=self._selection_prompt.ref if is_selected else None,
            num_sampled=len(attempt.samples),
            num_valid=len(attempt.candidates),
            selected_by=method,
        )


def _is_refused(samples: Sequence[JudgedSample]) -> bool:
    refusals = [sample for sample in samples if sample.rejected_by == REFUSAL]
    if not refusals:
        return False
    # The same in all of them: it is the probability of one and the same text.
    log_probability = refusals[0].log_probability
    if log_probability is None:
        return len(refusals) >= REFUSED_SHARE * len(samples)
    return math.exp(log_probability) >= REFUSAL_PROBABILITY


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


def _seed(post: AnnotatedPost) -> int:
    """Return a number from 0 to 2^31 - 1 that depends on the post's id alone."""
    return int.from_bytes(hashlib.sha256(post.post.id.encode()).digest()[:4]) & 0x7FFFFFFF
