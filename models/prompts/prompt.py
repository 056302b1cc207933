"""The prompts, one versioned TOML file each: a change of words is a new file, so that alerts name what made them.

A file holds `system` (the instructions), `turn` (what the user says about one post, with `{field}` places) and
`examples` (the fields of a turn, and the `answer` to it); perhaps a `refusal`, the answer that no alert is due.
A prompt is rendered as a chat: system, each example as a
turn and its answer, the post's turn last, so that the server's prefix cache serves all but the last turn.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypedDict

_PLACE = re.compile(r"\{(\w+)\}")


class ChatMessage(TypedDict):
    """One message of a chat, as OpenAI's API has it."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """One version of one prompt."""

    ref: str  # name and version, e.g. candidate-v1: what goes into an alert's provenance
    system: str
    turn: str
    examples: tuple[tuple[dict[str, str], str], ...]  # the fields of a turn, and its answer
    refusal: str | None = None  # the answer that no alert is due; None: the prompt always asks for one

    def render(self, **fields: str) -> list[ChatMessage]:
        """Return the chat that asks about one post; values go in as they are and are not looked into again."""
        messages = [ChatMessage(role="system", content=self.system)]
        for example, answer in self.examples:
            messages.append(ChatMessage(role="user", content=_fill(self.turn, example)))
            messages.append(ChatMessage(role="assistant", content=answer))
        messages.append(ChatMessage(role="user", content=_fill(self.turn, fields)))
        return messages


@cache
def load_prompt(ref: str) -> Prompt:
    """Return the prompt in the file `REF.toml` of this package."""
    document = tomllib.loads(files("models.prompts").joinpath(f"{ref}.toml").read_text(encoding="utf-8"))
    examples = tuple(
        ({name: value for name, value in example.items() if name != "answer"}, str(example["answer"]))
        for example in document["examples"]
    )
    system, turn = document["system"].strip(), document["turn"].strip()
    return Prompt(ref, system, turn, examples, document.get("refusal"))


def _fill(template: str, fields: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: fields[place[1]], template)
