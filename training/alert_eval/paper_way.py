"""The paper's way to an alert, as a baseline: sample serially, filter loosely, let the LLM select.

It follows section 3.2.2 and the paper's code. Each sample is a request of its own with the same prompt. A line passes
if it has a colon, a theme of one to three words, and an entity anywhere in it. The LLM then sees the lines that passed
and answers freely. What the paper leaves open is done as in the pipeline: the prompts are ours, and an answer that
names no option means the first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from models.prompts.plain_text import shown_entities, shown_post
from models.prompts.prompt import ChatMessage, load_prompt, prompt_fields
from training.alert_eval.gold_posts import AlertInput
from training.alert_eval.rows import PostResult, Row
from training.errors import WriterError

_SELECTION = "selection-v2"
_MAX_TOKENS = 24
_TIMEOUT_SECONDS = 600.0


@dataclass
class _Llm:
    """The LLM server as one post sees it, and what the post has cost so far."""

    client: httpx.Client
    url: str
    num_tokens: int = 0
    seconds: float = 0.0

    def ask(self, messages: Sequence[ChatMessage], *, temperature: float, seed: int) -> str:
        """Return one answer; raises WriterError."""
        body = {"messages": messages, "max_tokens": _MAX_TOKENS, "temperature": temperature, "seed": seed}
        began = time.monotonic()
        try:
            response = self.client.post(f"{self.url}/chat/completions", json=body)
            response.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WriterError(f"the LLM server at {self.url} gave no answer: {error}") from error
        self.seconds += time.monotonic() - began
        try:
            answer: dict[str, Any] = response.json()
            self.num_tokens += answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
            text: str | None = answer["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise WriterError(
                f"the LLM server at {self.url} gave an answer of another form ({error!r})"
            ) from error
        return text or ""


def run_paper(inputs: Sequence[AlertInput], row: Row, url: str) -> list[PostResult]:
    """Return the result of each post, whose entities must be given; by the LLM server at `url`.

    Raises:
        WriterError: the LLM server does not answer, or not as it should.
    """
    with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True) as client:
        return [_alert(post, row, _Llm(client, url)) for post in inputs]


def _alert(post: AlertInput, row: Row, llm: _Llm) -> PostResult:
    entities = shown_entities(post.entities or ())
    fields = prompt_fields(post.text, entities, post.sentiment or "neutral")
    messages = load_prompt(row.prompt).render(**fields)
    samples = tuple(
        llm.ask(messages, temperature=row.temperature, seed=seed) for seed in range(row.num_samples)
    )
    passed = list(dict.fromkeys(filter(None, (passing_line(text, post.entities or ()) for text in samples))))
    if not passed:
        return PostResult(post.id, None, None, "no_valid_candidate", llm.num_tokens, llm.seconds, samples)
    chosen = passed[0] if len(passed) == 1 else _select(post, passed, llm)
    theme, _, entity = chosen.partition(":")
    return PostResult(post.id, theme.strip(), entity.strip(), "alert", llm.num_tokens, llm.seconds, samples)


def passing_line(sample: str, entities: Sequence[str]) -> str | None:
    """Return the first line of the sample if the paper's filter lets it pass."""
    line = next((line.strip() for line in sample.splitlines() if line.strip()), "")
    theme, colon, rest = line.partition(":")
    has_entity = any(entity.casefold() in line.casefold() for entity in entities)
    return line if colon and rest.strip() and 1 <= len(theme.split()) <= 3 and has_entity else None


def chosen_line(answer: str, lines: Sequence[str]) -> str:
    """Return the line that a free answer names by its words or its number; the first if it names none."""
    for line in lines:
        if line.casefold() in answer.casefold():
            return line
    number = re.search(r"\d+", answer)
    index = int(number[0]) - 1 if number else 0
    return lines[index] if 0 <= index < len(lines) else lines[0]


def _select(post: AlertInput, lines: Sequence[str], llm: _Llm) -> str:
    options = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    messages = load_prompt(_SELECTION).render(post=shown_post(post.text), options=options)
    return chosen_line(llm.ask(messages, temperature=0.0, seed=0), lines)
