"""The paper's way to an alert, as a baseline: sample serially, filter loosely, let the LLM select.

Section 3.2.2 and what its code does: the same prompt again and again, one request a sample; a line passes that has
a colon, a theme of one to three words, and an entity anywhere in it; the LLM is shown what passed and answers freely.
What it leaves open is filled in as the pipeline has it: the prompts are ours, and an answer that names no option means
the first.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from training.alert_eval.inputs import AlertInput
from training.alert_eval.outcome import Outcome
from training.alert_eval.rows import AlertSetting
from training.writer.prompt import prompt_fields

_PROMPTS = Path(__file__).resolve().parents[2] / "models" / "prompts"
_SELECTION = "selection-v2"
_MAX_TOKENS = 24
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass
class _Cost:
    num_tokens: int = 0
    seconds: float = 0.0


def run_paper(inputs: Sequence[AlertInput], setting: AlertSetting, url: str) -> list[Outcome]:
    """Return the outcome of each post, whose entities must be given; by the LLM server at `url`."""
    return [_alert(post, setting, url) for post in inputs]


def _alert(post: AlertInput, setting: AlertSetting, url: str) -> Outcome:
    cost = _Cost()
    fields = prompt_fields(post.text, post.entities or (), post.sentiment or "neutral")
    messages = _render(setting.prompt, fields)
    samples = tuple(
        _ask(url, messages, cost, temperature=setting.temperature, seed=seed)
        for seed in range(setting.num_samples)
    )
    passed = list(dict.fromkeys(filter(None, (passing_line(text, post.entities or ()) for text in samples))))
    if not passed:
        return Outcome(post.id, None, None, "no_valid_candidate", cost.num_tokens, cost.seconds, samples)
    chosen = passed[0] if len(passed) == 1 else _select(post, passed, url, cost)
    theme, _, entity = chosen.partition(":")
    return Outcome(post.id, theme.strip(), entity.strip(), "alert", cost.num_tokens, cost.seconds, samples)


def passing_line(sample: str, entities: Sequence[str]) -> str | None:
    """Return the first line of the sample if the paper's filter lets it pass."""
    line = next((line.strip() for line in sample.splitlines() if line.strip()), "")
    theme, colon, rest = line.partition(":")
    has_entity = any(entity.casefold() in line.casefold() for entity in entities)
    return line if colon and rest.strip() and 1 <= len(theme.split()) <= 3 and has_entity else None


def chosen_line(answer: str, lines: Sequence[str]) -> str:
    """Return the line that a free answer names by its words or its number; the first where it names none."""
    for line in lines:
        if line.casefold() in answer.casefold():
            return line
    number = re.search(r"\d+", answer)
    index = int(number[0]) - 1 if number else 0
    return lines[index] if 0 <= index < len(lines) else lines[0]


def _select(post: AlertInput, lines: Sequence[str], url: str, cost: _Cost) -> str:
    options = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    fields = prompt_fields(post.text, (), "") | {"options": options}
    return chosen_line(_ask(url, _render(_SELECTION, fields), cost, temperature=0.0, seed=0), lines)


def _ask(url: str, messages: list[dict[str, str]], cost: _Cost, *, temperature: float, seed: int) -> str:
    body = {"messages": messages, "max_tokens": _MAX_TOKENS, "temperature": temperature, "seed": seed}
    request = urllib.request.Request(  # noqa: S310 - an address of ours
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
    cost.seconds += time.monotonic() - began
    cost.num_tokens += answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    return answer["choices"][0]["message"]["content"] or ""


def _render(ref: str, fields: dict[str, str]) -> list[dict[str, str]]:
    document = _prompt(ref)

    def fill(values: dict[str, str]) -> str:
        return _PLACE.sub(lambda place: str(values[place[1]]), document["turn"].strip())

    messages = [{"role": "system", "content": document["system"].strip()}]
    for example in document["examples"]:
        messages += [
            {"role": "user", "content": fill(example)},
            {"role": "assistant", "content": example["answer"]},
        ]
    return [*messages, {"role": "user", "content": fill(fields)}]


@cache
def _prompt(ref: str) -> dict[str, Any]:
    return tomllib.loads((_PROMPTS / f"{ref}.toml").read_text(encoding="utf-8"))
