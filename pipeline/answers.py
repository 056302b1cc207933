"""What an LLM's answer says, once its thinking is taken away."""

from __future__ import annotations

import re

_THINK_START, _THINK_END = "<think>", "</think>"
_NUMBER = re.compile(r"[0-9]+")


def after_thinking(answer: str) -> str:
    """Return the answer without what a reasoning model thought first, "" if it never stopped thinking.

    Chat templates often open the thinking themselves, so an answer may hold the end alone.
    """
    _, end, rest = answer.rpartition(_THINK_END)
    if _THINK_START in rest:
        return ""
    return (rest if end else answer).strip()


def chosen_index(answer: str, num_options: int) -> int | None:
    """Return the index (from 0) of the option (from 1) that the answer names; None where that is not exactly one."""
    numbers = {number.lstrip("0") for number in _NUMBER.findall(after_thinking(answer))}
    options = {str(index + 1): index for index in range(num_options)}
    return options.get(numbers.pop()) if len(numbers) == 1 else None
