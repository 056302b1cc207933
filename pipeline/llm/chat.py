"""Chat templates by name, for models that reason: rendered here, to begin the answer after a closed thinking block.

A server that renders the chat itself lets a reasoning model think first, at length, and a constraint then applies to
the thinking or waits for its end. Through `/v1/completions` the prompt can end in an empty, closed block, and the
constraint applies at once. llama.cpp would tell its template (`/apply-template`), vLLM would not, hence the few by
name. None begins with the token for the beginning of a text: both servers add the one that their tokenizer wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.prompts.prompt import ChatMessage

THINK_END = "</think>"


@dataclass(frozen=True)
class ChatTemplate:
    """How one family of models is shown a chat."""

    name: str
    turns: Mapping[str, str]  # by role; `{}` is the place of the content
    answer: str  # what opens the answer
    think: str | None  # what then opens the thinking; None for models that do not reason

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Return the chat up to the place where the answer itself begins, nothing thought."""
        empty = "" if self.think is None else f"{self.think}\n{THINK_END}\n\n"
        return self._chat(messages) + empty

    def render_thinking(self, messages: Sequence[ChatMessage]) -> str:
        """Return the chat up to the place where the thinking begins; end that with `close`."""
        assert self.think is not None
        return self._chat(messages) + self.think

    def close(self, thought: str) -> str:
        """Return the thought as it goes between `render_thinking` and the answer; no special token is left in it."""
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
# Models by what their names say, the first that fits; all others are left to the server.
_BY_MODEL = (
    (re.compile(r"deepseek-?r1", re.IGNORECASE), DEEPSEEK_R1),
    (re.compile(r"qwen3(?!.*instruct)|qwq|smollm3", re.IGNORECASE), QWEN3),
)


def choose_template(name: str, model: str) -> ChatTemplate | None:
    """Return the template of that name; None where the server renders the chat.

    Args:
        name: a template's, `server`, or `auto`: by the model's name.
    """
    if name == "auto":
        return next((template for pattern, template in _BY_MODEL if pattern.search(model)), None)
    return _BY_NAME.get(name)
