"""How requests are worded for one server: which fields it refuses, and what is sent instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.prompts.prompt import ChatMessage


@dataclass(frozen=True)
class Wording:
    """What one server takes of the fields that every request has; by default all."""

    limit_field: str = "max_tokens"  # that bounds an answer; hosted reasoning models want another
    left_out: frozenset[str] = frozenset()  # of `temperature` and `seed`
    max_n: int = 1 << 16  # samples in a request
    takes_system: bool = True  # else the instructions go into the first turn of the user

    @property
    def is_limited(self) -> bool:
        """Whether the server takes less than all."""
        return self != Wording()

    def apply(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the request as this server takes it."""
        worded = {name: value for name, value in body.items() if name not in self.left_out}
        worded[self.limit_field] = worded.pop("max_tokens")
        if worded.get("n", 1) > self.max_n:
            worded["n"] = self.max_n
        if worded.get("n") == 1:
            del worded["n"]  # some servers refuse the field itself
        if "messages" in worded and not self.takes_system:
            worded["messages"] = without_system(worded["messages"])
        return worded

    def describe(self) -> str:
        """Return what is done differently, in words; "" where nothing is."""
        found = [f"{name} is left out" for name in sorted(self.left_out)]
        if self.limit_field != Wording.limit_field:
            found.insert(0, f"{Wording.limit_field} goes as {self.limit_field}")
        if self.max_n < Wording.max_n:
            found.append(f"no more than {self.max_n} samples are asked for at a time")
        if not self.takes_system:
            found.append("instructions go into the user's first message")
        return "; ".join(found)


def without_system(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Return the chat with what the system says put before what the user says first."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return messages
    first = ChatMessage(
        role=messages[1]["role"], content=f"{messages[0]['content']}\n\n{messages[1]['content']}"
    )
    return [first, *messages[2:]]
