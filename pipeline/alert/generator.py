"""Writes the alert of an annotated post in three stages (sample, filter, select), or abstains with a reason.

Everything random is seeded by the post's id, so that a redelivered post is asked about in the same way.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from models.prompts.plain_text import seen, shown_post
from models.prompts.prompt import ChatMessage, Verdict, load_prompt, prompt_fields
from models.writers.calibration import AS_THEY_COME, Calibration
from pipeline.alert.candidates import CheckedSample, merge
from pipeline.alert.evidence import Evidence, without_mentions
from pipeline.alert.filters import REFUSAL, check
from pipeline.alert.grammar import alert_grammar
from pipeline.alert.outcome import AlertResult, Attempt, degraded_alert
from pipeline.alert.selection.judge import Judge
from pipeline.alert.selection.selector import Chooser, Selection, Selector, shuffle
from pipeline.errors import InvalidMessageError
from pipeline.llm.answers import Sample
from pipeline.messages import AbstentionReason, AnnotatedPost, Sentiment
from pipeline.settings.checks import MentionsName, SelectionName

CANDIDATE_PROMPT = "candidate-v1"
SELECTION_PROMPT = "selection-v2"
JUDGE_PROMPT = "judge-v1"
# Abstain if the LLM declines with at least this probability or, without log-probabilities, if at least this share of
# the samples declines. With these values the shipped alert writer abstains most accurately on held-out posts.
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
        verdict: Verdict | None = None,
    ) -> list[Sample]:
        """Return `num_samples` answers, each with its verdict if there are words for it."""


@dataclass(frozen=True, kw_only=True)
class AlertOptions:
    """How alerts are written, as the settings say.

    Attributes:
        num_samples: samples for each post.
        temperature: of the samples; the selection is greedy.
        max_tokens: limit of one sample, and of the selection's answer.
        selection: the method that chooses among several candidates.
        candidate_prompt: version of the prompt of the samples; a fine-tuned model needs its own.
        languages: codes of the languages of posts that get alerts; None: all.
        mentions: which entities in handles an alert may name.
        calibration: from the judge's verdict to the confidence.
        min_confidence: an alert of less is held back; None: none is.
    """

    num_samples: int
    temperature: float
    max_tokens: int
    selection: SelectionName = "llm"
    candidate_prompt: str = CANDIDATE_PROMPT
    languages: frozenset[str] | None = None
    mentions: MentionsName = "organisations"
    calibration: Calibration = AS_THEY_COME
    min_confidence: float | None = None


class AlertGenerator:
    """Writes one alert for each post with an LLM, or abstains."""

    def __init__(self, llm: Llm, options: AlertOptions) -> None:
        self._llm = llm
        self._options = options
        self._candidate_prompt = load_prompt(options.candidate_prompt)
        judge_prompt = None if self._candidate_prompt.verdict else load_prompt(JUDGE_PROMPT)
        self._selector = Selector(
            options.selection,
            llm,
            load_prompt(SELECTION_PROMPT),
            Judge(judge_prompt, options.calibration, options.max_tokens),
            max_tokens=options.max_tokens,
        )
        answers = (answer for _, answer in self._candidate_prompt.examples)
        self._example_themes = frozenset(answer.partition(":")[0] for answer in answers)

    async def generate(self, post: AnnotatedPost) -> AlertResult:
        """Return the post's alert or abstention.

        Raises:
            InvalidMessageError: the annotation does not fit its post.
            LlmRefusedError: the LLM server refuses this post's prompt.
        """
        attempt = Attempt(post)
        if not seen(post.post.text):
            return attempt.abstain(AbstentionReason.NO_TEXT)
        if not self._is_wanted(post.language):
            return attempt.abstain(AbstentionReason.LANGUAGE)
        evidence = Evidence.of(without_mentions(post, self._options.mentions), self._example_themes)
        if not evidence.entities:
            return attempt.abstain(AbstentionReason.NO_ENTITY)
        sentiment = _checked_sentiment(post)
        answers = await self._sample(attempt, evidence, sentiment)
        self._filter(attempt, answers, evidence)
        if _is_refused(attempt.samples):
            return attempt.abstain(AbstentionReason.NONE_SELECTED)
        if not attempt.candidates:
            return attempt.abstain(AbstentionReason.NO_VALID_CANDIDATE)
        selection = await self._select(attempt, evidence)
        if selection.index is None:
            return attempt.abstain(AbstentionReason.NONE_SELECTED)
        chosen = attempt.candidates[selection.index]
        if self._is_doubtful(selection.confidence):
            return attempt.doubt(chosen)
        return attempt.make_alert(chosen, sentiment)

    def degraded(self, post: AnnotatedPost) -> AlertResult:
        """Return the alert that is made without the LLM; `generate` has raised `LlmUnavailableError` for the post.

        Raises:
            InvalidMessageError: as `degraded_alert`.
        """
        return degraded_alert(without_mentions(post, self._options.mentions))

    def _is_doubtful(self, confidence: float | None) -> bool:
        least = self._options.min_confidence
        return least is not None and confidence is not None and confidence < least

    def _is_wanted(self, language: str | None) -> bool:
        wanted = self._options.languages
        return wanted is None or language is None or language in wanted

    async def _sample(self, attempt: Attempt, evidence: Evidence, sentiment: Sentiment) -> list[Sample]:
        post, prompt = attempt.post, self._candidate_prompt
        with attempt.stage("sample"):
            fields = prompt_fields(post.post.text, evidence.entities, sentiment.label)
            answers = await self._llm.sample(
                prompt.render(**fields),
                num_samples=self._options.num_samples,
                temperature=self._options.temperature,
                max_tokens=self._options.max_tokens,
                seed=_seed(post),
                grammar=alert_grammar(evidence.entities, prompt.refusal, prompt.verdict),
                verdict=prompt.verdict,
            )
        attempt.llm, attempt.candidate_prompt = self._llm.model, prompt.ref
        return answers

    def _filter(self, attempt: Attempt, answers: Sequence[Sample], evidence: Evidence) -> None:
        with attempt.stage("filter"):
            attempt.samples = tuple(
                replace(
                    check(answer.text, evidence, self._candidate_prompt.refusal),
                    log_probability=answer.log_probability,
                    truth=answer.truth,
                )
                for answer in answers
            )
            attempt.candidates = shuffle(merge(attempt.samples), _seed(attempt.post))

    async def _select(self, attempt: Attempt, evidence: Evidence) -> Selection:
        post = attempt.post
        with attempt.stage("select"):
            selection = await self._selector.select(
                attempt.candidates, post=shown_post(post.post.text, evidence.entities), seed=_seed(post)
            )
        attempt.selection, attempt.selection_prompt = selection, selection.prompt
        attempt.candidates = selection.candidates or attempt.candidates
        return selection


def _is_refused(samples: Sequence[CheckedSample]) -> bool:
    refusals = [sample for sample in samples if sample.rejected_by == REFUSAL]
    if not refusals:
        return False
    # All refusals are the same text and so have the same probability.
    log_probability = refusals[0].log_probability
    if log_probability is None:
        return len(refusals) >= REFUSED_SHARE * len(samples)
    return math.exp(log_probability) >= REFUSAL_PROBABILITY


def _checked_sentiment(post: AnnotatedPost) -> Sentiment:
    """Return the post's sentiment; raises `InvalidMessageError` if the annotation does not fit the post's text."""
    for entity in post.entities:
        if post.post.text[entity.start : entity.end] != entity.text:
            raise InvalidMessageError(
                f"entity at {entity.start}:{entity.end} is not the post's text at these offsets"
            )
    if post.sentiment is None:
        raise InvalidMessageError("entities without a sentiment")
    return post.sentiment


def _seed(post: AnnotatedPost) -> int:
    """Return a number from 0 to 2^31 - 1 that depends only on the post's id."""
    return int.from_bytes(hashlib.sha256(post.post.id.encode()).digest()[:4]) & 0x7FFFFFFF
