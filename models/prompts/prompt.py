"""The prompts, one versioned TOML file each: a change of words is a new file, so that alerts name what made them.

A file holds:

- `system`: the instructions;
- `turn`: the user's message about one post, with `{field}` for each field;
- `examples`: for each example, the fields of a turn and the `answer` to it;
- `refusal`: the answer that no alert is due, if the prompt allows one;
- `verdict`: the words `is_true` and `is_false`, if the model judges its own alert; it writes one of them after it.

A prompt is rendered as a chat: system, each example as a turn and its answer, then the turn about the post. The post
comes last, so that the LLM server's prefix cache serves all but the last turn.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from models.errors import PromptError
from models.prompts.plain_text import shown_post

_FOLDER = Path(__file__).parent
_FIELD = re.compile(r"\{(\w+)\}")


class ChatMessage(TypedDict):
    """One message of a chat, in the form of OpenAI's API."""

    role: str
    content: str


@dataclass(frozen=True)
class Verdict:
    """The two words of which a model writes one on the line after an alert: is the alert true by the post?"""

    is_true: str
    is_false: str

    def after(self, alert: str, *, is_true: bool) -> str:
        """Return the alert with this verdict, as the model writes it."""
        return f"{alert}\n{self.is_true if is_true else self.is_false}"


@dataclass(frozen=True)
class Prompt:
    """One version of one prompt."""

    ref: str  # name and version, e.g. candidate-v1: what goes into an alert's provenance
    system: str
    turn: str
    examples: tuple[tuple[dict[str, str], str], ...]  # the fields of a turn, and its answer
    refusal: str | None = None  # the answer that no alert is due; None: the prompt always asks for one
    verdict: Verdict | None = None  # None: the model does not judge its own alerts

    def render(self, **fields: str) -> list[ChatMessage]:
        """Return the chat that asks about one post; a `{field}` inside a value is left as it is."""
        messages = [ChatMessage(role="system", content=self.system)]
        for example, answer in self.examples:
            messages.append(ChatMessage(role="user", content=_fill(self.turn, example)))
            messages.append(ChatMessage(role="assistant", content=answer))
        messages.append(ChatMessage(role="user", content=_fill(self.turn, fields)))
        return messages


def prompt_fields(post: str, entities: Iterable[str], sentiment: str) -> dict[str, str]:
    """Return the fields of a turn that asks for an alert.

    Args:
        post: its text, as it was posted.
        entities: as `shown_entities` gives them.
        sentiment: the label.
    """
    entities = list(entities)
    return {"post": shown_post(post, entities), "entities": "; ".join(entities), "sentiment": sentiment}


@cache
def load_prompt(ref: str) -> Prompt:
    """Return the prompt of this name and version, for example `candidate-v1`.

    Raises:
        PromptError: there is no such prompt, or its file is damaged.
    """
    known = sorted(file.stem for file in _FOLDER.glob("*.toml"))
    if ref not in known:
        raise PromptError(f"unknown prompt {ref!r}: expected one of {', '.join(known)}")
    return read_prompt(_FOLDER / f"{ref}.toml")


def read_prompt(file: Path) -> Prompt:
    """Read a prompt file; raises PromptError if it is damaged."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PromptError(f"{file}: not a TOML file that can be read: {error}") from error
    examples = document.get("examples")
    if not isinstance(examples, list) or not all(isinstance(example, dict) for example in examples):
        raise PromptError(f"{file}: `examples` must be a list of tables, `[]` for none")
    refusal = None if "refusal" not in document else _text(document, "refusal", f"{file}")
    turn = _text(document, "turn", f"{file}")
    read = tuple(
        _example(example, turn, f"{file}: example {number}") for number, example in enumerate(examples, 1)
    )
    verdict = _verdict(document["verdict"], f"{file}: verdict") if "verdict" in document else None
    return Prompt(file.stem, _text(document, "system", f"{file}"), turn, read, refusal, verdict)


def _verdict(table: Any, where: str) -> Verdict:
    if not isinstance(table, dict):
        raise PromptError(f"{where} must be a table with `is_true` and `is_false`")
    words = Verdict(_text(table, "is_true", where), _text(table, "is_false", where))
    if not (words.is_true and words.is_false) or words.is_true == words.is_false:
        raise PromptError(f"{where}: expected two different words")
    return words


def _example(example: Mapping[str, Any], turn: str, where: str) -> tuple[dict[str, str], str]:
    # The options of a selection begin on a line of their own, so leading line breaks are kept.
    fields = {name: _text(example, name, where, strip=False) for name in _FIELD.findall(turn)}
    return fields, _text(example, "answer", where)


def _text(document: Mapping[str, Any], name: str, where: str, *, strip: bool = True) -> str:
    text = document.get(name)
    if not isinstance(text, str):
        raise PromptError(f"{where}: `{name}` must be a string, found {text!r}")
    return text.strip() if strip else text


def _fill(template: str, fields: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda field: fields[field[1]], template)
