"""Chat templates of reasoning models, by name. A chat rendered here lets the answer begin without thinking.

If the server renders the chat, a reasoning model thinks first, at length, and a grammar applies to the thinking or
waits for its end. A prompt for `/v1/completions` can end in a thinking block that is empty and closed, so that the
grammar applies at once. The few templates are written down here because vLLM does not publish its own (llama.cpp does,
at `/apply-template`). No template begins with the token for the beginning of a text: both servers add that themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.prompts.prompt import ChatMessage

THINK_END = "</think>"


@dataclass(frozen=True)
class ChatTemplate:
    """The text form that one family of models has for a chat."""

    name: str
    turns: Mapping[str, str]  # the text of each role's turn; `{}` stands for the content
    answer: str  # the mark that opens the answer
    think: str | None  # the mark that then opens the thinking; None for models that do not reason

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Return the chat up to the beginning of the answer, with an empty thinking block if the model reasons."""
        empty = "" if self.think is None else f"{self.think}\n{THINK_END}\n\n"
        return self._chat(messages) + empty

    def render_thinking(self, messages: Sequence[ChatMessage]) -> str:
        """Return the chat up to the beginning of the thinking; `close` gives what follows."""
        assert self.think is not None
        return self._chat(messages) + self.think

    def close(self, thought: str) -> str:
        """Return the thought, without special tokens, and the end of the thinking: what stands before the answer."""
        return f"{thought.replace('<', '‹').strip()}\n{THINK_END}\n\n"

    def _chat(self, messages: Sequence[ChatMessage]) -> str:
        turns = (self.turns[message["role"]].replace("{}", message["content"]) for message in messages)
        return "".join(turns) + self.answer


_CHATML_TURNS = {role: f"<|im_start|>{role}\n{{}}<|im_end|>\n" for role in ("system", "user", "assistant")}
_CHATML_ANSWER = "<|im_start|>assistant\n"
CHATML = ChatTemplate("chatml", _CHATML_TURNS, _CHATML_ANSWER, None)
QWEN3 = ChatTemplate("qwen3", _CHATML_TURNS, _CHATML_ANSWER, "<think>\n")
DEEPSEEK_R1 = ChatTemplate(
    "deepseek_r1",
    {"system": "{}", "user": "<｜User｜>{}", "assistant": "<｜Assistant｜>{}<｜end▁of▁sentence｜>"},
    "<｜Assistant｜>",
    "<think>\n",
)

_BY_NAME = {template.name: template for template in (CHATML, QWEN3, DEEPSEEK_R1)}
# The first pattern that the model's name matches counts. Chats of all other models are left to the server.
_BY_MODEL = (
    (re.compile(r"deepseek-?r1", re.IGNORECASE), DEEPSEEK_R1),
    (re.compile(r"qwen3(?!.*instruct)|qwq|smollm3", re.IGNORECASE), QWEN3),
)


def choose_template(name: str, model: str) -> ChatTemplate | None:
    """Return the template of that name; None: the server renders the chat.

    Args:
        name: name of a template, `server`, or `auto`, which chooses by the model's name.
        model: the model's name.
    """
    if name == "auto":
        return next((template for pattern, template in _BY_MODEL if pattern.search(model)), None)
    return _BY_NAME.get(name)
