"""Finds out by harmless questions what an LLM server supports, and whether posts can be asked about at all.

1. The list of models: the model's name as the server gives it.
2. A short question with the fields of a real one: which fields the server takes. If it refuses the question, the
   barest question is tried, and then one field more at a time.
3. A question under a grammar, in each dialect: which dialect the server obeys, as its answer proves.
4. The same with log-probabilities: of how many alternatives the server gives them.
5. Questions as long as the longest real ones, with all of that: whether the context is large enough, and whether the
   model answers or only thinks.
6. If a judge will be asked: a list of prompts, whether one request may hold several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from pipeline.errors import LlmRefusedError, LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.answers import is_thinking_alone
from pipeline.llm.chat import choose_template
from pipeline.llm.grammar import DIALECTS, FREE, PROBE_GRAMMAR, PROBE_WORD, Dialect
from pipeline.llm.http import LlmFailsError, LlmHttp
from pipeline.llm.options import HARMLESS, LlmOptions
from pipeline.llm.question import NUM_ALTERNATIVES, LlmAbilities, Question, Wording
from pipeline.llm.refusal import Refusal, RequestRefusedError

_LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
_FEWER_ALTERNATIVES = 5  # the most that some hosted servers give
_MIN_PROBE_TOKENS = 16  # enough for the probe's word


@dataclass(frozen=True)
class Examination:
    """The harmless questions, put to one server."""

    http: LlmHttp
    options: LlmOptions

    async def find_abilities(self) -> LlmAbilities:
        """Return what the server can do, proven by questions as large as real ones; one attempt.

        Raises:
            LlmUnavailableError: a request failed, or the server lists no model yet.
            LlmUnfitError: the server refuses even the barest question, or answers with thinking alone.
            LlmUnusableError: the server lists models, but not the one that the options name.
        """
        model = await self._find_model()
        found = LlmAbilities(model, choose_template(self.options.template, model))
        found = replace(found, wording=await self._find_wording(found))
        if self.options.constraint == "auto":
            found = replace(found, dialect=await self._find_dialect(found))
        found = replace(found, max_alternatives=await self._find_alternatives(found))
        found = await self._rehearse(found)
        return replace(found, takes_lists=await self.takes_lists(found))

    async def takes_lists(self, known: LlmAbilities) -> bool:
        """Whether the server answers each prompt of a list, which only our own chat template can fill.

        Raises:
            LlmUnavailableError: the server is away or busy, so that nothing is found out.
        """
        question = self.options.demands.list_question()
        if question is None or known.template is None:
            return False
        full = replace(question, grammar=PROBE_GRAMMAR, num_alternatives=NUM_ALTERNATIVES)
        # A server may fail on a list instead of refusing it.
        with suppress(LlmRefusedError, LlmFailsError):
            answers = await self.http.complete("probe", known.body(full))
            return len(answers) == len(full.chats)
        return False

    async def _find_model(self) -> str:
        names = await self.http.list_models()
        wanted = self.options.model or (names[0] if names else None)
        # Ollama adds `:latest` to a name without a tag. Gemini puts `models/` before every name.
        for name in (wanted, f"{wanted}:latest", f"models/{wanted}"):
            if name in names:
                return name
        missing = f"no model {wanted!r}" if wanted else "no model at all"
        problem = f"{self.http.server} has {missing}; it lists {', '.join(names[:10]) or 'none'}"
        if names:
            raise LlmUnusableError(f"{problem}: set TOCSIN_LLM_MODEL to one of these")
        raise LlmUnavailableError(problem)  # the server may still be loading its model

    async def _find_wording(self, known: LlmAbilities) -> Wording:
        """Return the richest wording that the server takes, found from the barest by one field more at a time."""
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
            raise LlmUnfitError(explain_refusal(self.http.server, refusal) + hint)
        for changes in _additions(self.options.demands.num_samples):
            for change in changes:
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
        """Return why the server refuses one of the harmless questions; None: it answers all of them.

        Args:
            is_full: ask with a grammar and for log-probabilities.
            is_long: ask with prompts as long as the longest real ones.
        """
        for question in self._questions(known, is_full=is_full, is_long=is_long):
            try:
                answers = await self.http.complete("probe", known.body(question))
            except RequestRefusedError as error:
                return error.refusal
            if question.purpose != "think" and is_thinking_alone(answers):
                raise LlmUnfitError(explain_thinking(self.http.server, question.max_tokens))
        return None

    def _questions(self, known: LlmAbilities, *, is_full: bool, is_long: bool) -> Iterator[Question]:
        for question in self.options.demands.questions(is_long=is_long):
            is_sample = question.purpose == "sample"
            number = self.options.demands.sample_alternatives if is_sample else NUM_ALTERNATIVES
            full = replace(question, grammar=PROBE_GRAMMAR, num_alternatives=number)
            if question.purpose == "select" and self.options.think_tokens and known.can_think_first:
                yield replace(question, purpose="think", max_tokens=self.options.think_tokens)
            yield full if is_full else question

    async def _find_dialect(self, known: LlmAbilities) -> Dialect:
        for dialect in DIALECTS:
            # A server may refuse a field that it does not know.
            with suppress(LlmRefusedError):
                asked = replace(known, dialect=dialect).body(self._probe())
                answers = await self.http.complete("probe", asked)
                if [answer.text.strip() for answer in answers] == [PROBE_WORD]:
                    return dialect
        return FREE

    async def _find_alternatives(self, known: LlmAbilities) -> int:
        """Return for how many alternatives of a token the server gives log-probabilities."""
        for number in (NUM_ALTERNATIVES, _FEWER_ALTERNATIVES):
            asked = replace(known, max_alternatives=number)
            with suppress(LlmRefusedError):
                answers = await self.http.complete("probe", asked.body(self._probe(number)))
                return number if answers[0].first_token else 0
        return 0

    def _probe(self, num_alternatives: int = 0) -> Question:
        return Question(
            "sample",
            HARMLESS,
            max(self.options.demands.max_tokens, _MIN_PROBE_TOKENS),
            temperature=0.0,  # a sampled answer may end before its first token, and then shows no log-probabilities
            grammar=PROBE_GRAMMAR,
            num_alternatives=num_alternatives,
        )

    async def _rehearse(self, known: LlmAbilities) -> LlmAbilities:
        """Return the abilities without what the server refuses in combination or with questions as large as real ones.

        Raises:
            LlmUnfitError: it refuses a question as large as real ones in any combination.
        """
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
        raise LlmUnfitError(explain_refusal(self.http.server, refusal))

    def _too_long(self, refusal: Refusal) -> str:
        demands = self.options.demands
        prompts = (demands.candidate_prompt, demands.selection_prompt or (), demands.judge_prompt or ())
        num_bytes = max(sum(len(message["content"].encode()) for message in prompt) for prompt in prompts)
        sizes = f"{num_bytes} bytes and {demands.max_tokens} tokens of answer"
        if refusal.needed_tokens:
            sizes += f"; the server counts {refusal.needed_tokens} tokens of prompt"
        if refusal.context_tokens:
            sizes += f"; its context has {refusal.context_tokens} tokens"
        return (
            f"{self.http.server} answers a short prompt but refuses one as long as the longest real prompt ({sizes}): "
            f"{refusal.status}: give it a larger context"
        )


def _additions(num_samples: int) -> Iterator[list[Callable[[Wording], Wording]]]:
    """Yield for each field the ways to add it to the barest wording, the best way first."""
    yield [lambda wording: replace(wording, takes_system=True)]
    yield [_with_max_n(max_n) for max_n in _bounds_of_n(num_samples)]
    for name in ("temperature", "seed"):
        yield [_with(name)]


def _with(name: str) -> Callable[[Wording], Wording]:
    return lambda wording: replace(wording, left_out=wording.left_out - {name})


def _with_max_n(max_n: int) -> Callable[[Wording], Wording]:
    return lambda wording: replace(wording, max_n=max_n)


def _bounds_of_n(num_samples: int) -> Iterator[int]:
    """Yield no bound, then half of `num_samples`, then half of that, down to 2."""
    yield Wording.max_n
    while (num_samples := num_samples // 2) > 1:
        yield num_samples


def explain_refusal(server: str, refusal: Refusal) -> str:
    """Return the message about a server that refuses a harmless question."""
    return f"{server} refuses even a harmless request: {refusal.status}"


def explain_thinking(server: str, max_tokens: int) -> str:
    """Return the message about a server whose answers are cut off before their thinking ends."""
    return (
        f"{server} answers with thinking alone, cut off after {max_tokens} tokens: raise TOCSIN_LLM_MAX_TOKENS "
        "(to 1024, for example), or name in TOCSIN_LLM_TEMPLATE a template that ends the thinking"
    )
