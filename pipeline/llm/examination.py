"""An LLM server asked harmless questions: what it can do, how it wants to be asked, and whether it will do at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import LlmRefusedError, LlmUnfitError
from pipeline.llm.abilities import NUM_ALTERNATIVES, AskingStyle, LlmAbilities
from pipeline.llm.answers import is_thinking_alone
from pipeline.llm.chat import choose_template
from pipeline.llm.completion import Answer
from pipeline.llm.grammar import FREE, LLAMA_CPP, PROBE_GRAMMAR, PROBE_WORD, VLLM, Dialect
from pipeline.llm.http import RequestKind
from pipeline.llm.question import HARMLESS, Demands, Question
from pipeline.llm.refusal import LlmSaidNoError, Refusal
from pipeline.llm.wording import Wording

# Sends one request of the kind and returns its answers.
Complete = Callable[[RequestKind, dict[str, Any]], Awaitable[list[Answer]]]

_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
_FEWER_ALTERNATIVES = 5  # all that some hosted servers give
_PROBE_TOKENS = 16  # at least, for the probe's word


@dataclass(frozen=True)
class Examination:
    """The questions, put to one server.

    Args:
        complete: sends one request.
        server: how messages call it ("LLM server at http://...").
    """

    complete: Complete
    server: str
    style: AskingStyle
    demands: Demands

    async def find_abilities(self, model: str) -> LlmAbilities:
        """Return what the server can do, as far as the style does not say, proven by questions as large as real ones.

        Raises:
            LlmUnfitError: it refuses what we cannot do without, or answers with thinking alone.
            LlmUnavailableError: a request failed.
        """
        found = LlmAbilities(model, choose_template(self.style.template, model))
        found = replace(found, wording=await self._find_wording(found))
        if self.style.constraint == "auto":
            found = replace(found, dialect=await self._find_dialect(found))
        return await self._rehearse(replace(found, max_alternatives=await self._find_alternatives(found)))

    async def _find_wording(self, known: LlmAbilities) -> Wording:
        """Return the wording that the server takes; that of the barest request, and then a field more at a time."""
        refusal = await self._refusal(known)
        if refusal is None:
            return known.wording
        barest = Wording(left_out=frozenset({"temperature", "seed"}), max_n=1, takes_system=False)
        for limit_field in _LIMIT_FIELDS:
            wording = replace(barest, limit_field=limit_field)
            if await self._takes(known, wording):
                break
        else:
            hint = "" if known.template else ": if it has no chat template, name one in TOCSIN_LLM_TEMPLATE"
            raise LlmUnfitError(refuses_harmless(self.server, refusal) + hint)
        for richer in _richer_systems(self.demands.num_samples):
            for change in richer:
                changed = change(wording)
                if changed == wording or await self._takes(known, changed):
                    wording = changed
                    break
        return wording

    async def _takes(self, known: LlmAbilities, wording: Wording) -> bool:
        return await self._refusal(replace(known, wording=wording)) is None

    async def _refusal(
        self, known: LlmAbilities, *, is_full: bool = False, is_long: bool = False
    ) -> Refusal | None:
        """Return why the server refuses one of the harmless questions; None: it answers them all.

        Args:
            is_full: with grammar and log-probabilities.
            is_long: as long as real ones.
        """
        for question in self._questions(known, is_full=is_full, is_long=is_long):
            try:
                answers = await self.complete("probe", known.body(question))
            except LlmSaidNoError as error:
                return error.refusal
            if question.purpose != "think" and is_thinking_alone(answers):
                raise LlmUnfitError(thinks_alone(self.server, question.max_tokens))
        return None

    def _questions(self, known: LlmAbilities, *, is_full: bool, is_long: bool) -> Iterator[Question]:
        for question in self.demands.questions(is_long=is_long):
            is_sample = question.purpose == "sample"
            number = 1 if is_sample else NUM_ALTERNATIVES
            full = replace(question, grammar=PROBE_GRAMMAR, num_alternatives=number)
            if not is_sample and self.style.think_tokens and known.can_think_first:
                yield replace(question, purpose="think", max_tokens=self.style.think_tokens)
            yield full if is_full else question

    async def _find_dialect(self, known: LlmAbilities) -> Dialect:
        for dialect in (LLAMA_CPP, VLLM):
            # A server that knows neither field may refuse it.
            with suppress(LlmRefusedError):
                asked = replace(known, dialect=dialect).body(self._probe())
                answers = await self.complete("probe", asked)
                if [answer.text.strip() for answer in answers] == [PROBE_WORD]:
                    return dialect
        return FREE

    async def _find_alternatives(self, known: LlmAbilities) -> int:
        """Return of how many alternatives of a token the server gives log-probabilities."""
        for number in (NUM_ALTERNATIVES, _FEWER_ALTERNATIVES):
            asked = replace(known, max_alternatives=number)
            with suppress(LlmRefusedError):
                answers = await self.complete("probe", asked.body(self._probe(number)))
                return number if answers[0].first_token else 0
        return 0

    def _probe(self, num_alternatives: int = 0) -> Question:
        return Question(
            "sample",
            HARMLESS,
            max(self.demands.max_tokens, _PROBE_TOKENS),
            0.0,  # an answer that is sampled may end before its first token, and tell of none
            grammar=PROBE_GRAMMAR,
            num_alternatives=num_alternatives,
        )

    async def _rehearse(self, known: LlmAbilities) -> LlmAbilities:
        """Return the abilities, less what the server refuses only together, after questions as large as real ones."""
        refusal = await self._refusal(known, is_full=True, is_long=True)
        if refusal is None:
            return known
        plain = replace(known, max_alternatives=0)
        for fewer in (known, plain, replace(known, dialect=FREE), replace(plain, dialect=FREE)):
            if await self._refusal(fewer, is_full=True) is None:
                refusal = await self._refusal(fewer, is_full=True, is_long=True)
                if refusal is None:
                    return fewer
                raise LlmUnfitError(self._too_long(refusal))
        raise LlmUnfitError(refuses_harmless(self.server, refusal))

    def _too_long(self, refusal: Refusal) -> str:
        prompts = (self.demands.candidate_prompt, self.demands.selection_prompt or ())
        num_bytes = max(sum(len(message["content"].encode()) for message in prompt) for prompt in prompts)
        sizes = f"{num_bytes} bytes and {self.demands.max_tokens} tokens of answer"
        if refusal.needed_tokens:
            sizes += f", {refusal.needed_tokens} tokens as it counts the prompt"
        has = f", it has {refusal.context_tokens}" if refusal.context_tokens else ""
        return (
            f"{self.server} answers a short prompt and refuses one as long as real ones get ({sizes}{has}): "
            f"{refusal.status}: give it a larger context"
        )


def _richer_systems(num_samples: int) -> Iterator[list[Callable[[Wording], Wording]]]:
    """Yield what may be added to the barest wording: of each field the ways to have it, the best first."""
    yield [lambda wording: replace(wording, takes_system=True)]
    yield [_with_max_n(max_n) for max_n in _fewer_and_fewer(num_samples)]
    for name in ("temperature", "seed"):
        yield [_with(name)]


def _with(name: str) -> Callable[[Wording], Wording]:
    return lambda wording: replace(wording, left_out=wording.left_out - {name})


def _with_max_n(max_n: int) -> Callable[[Wording], Wording]:
    return lambda wording: replace(wording, max_n=max_n)


def _fewer_and_fewer(num_samples: int) -> Iterator[int]:
    """Yield no bound, then half as many samples at a time, and half of that."""
    yield Wording.max_n
    while (num_samples := num_samples // 2) > 1:
        yield num_samples


def refuses_harmless(server: str, refusal: Refusal) -> str:
    """Return what to say of a server that refuses what none should."""
    return f"{server} refuses even a harmless request: {refusal.status}"


def thinks_alone(server: str, max_tokens: int) -> str:
    """Return what to say of a server whose answers are cut before they begin."""
    return (
        f"{server} answers with thinking alone, cut after {max_tokens} tokens: raise TOCSIN_LLM_MAX_TOKENS "
        "(1024, say), or name a template that ends the thinking in TOCSIN_LLM_TEMPLATE"
    )
