"""What may be shown of a refusal: status, codes, a field's name, numbers. The rest could repeat the prompt."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pipeline.errors import LlmRefusedError

# An error's type or code. The message is never shown, because it may hold the prompt.
_CODE = re.compile(r"[A-Za-z_]{1,60}")
# The sentences of OpenAI and vLLM; llama.cpp has fields for these numbers.
_CONTEXT = re.compile(r"maximum context length (?:is|of) ([0-9]{1,9})")
_NEEDED = re.compile(r"(?:resulted in|contains at least|contains|request has) ([0-9]{1,9}) (?:input )?tokens")


@dataclass(frozen=True)
class Refusal:
    """What may be shown of a server's refusal."""

    status: str  # "status 400 unsupported_parameter (max_tokens)"
    context_tokens: int | None = None  # limit of one request; None: the server does not say
    needed_tokens: int | None = None  # size of this request; None: the server does not say


class RequestRefusedError(LlmRefusedError):
    """The server answered one request with a status that refuses it. That alone does not show what is at fault."""

    def __init__(self, server: str, refusal: Refusal) -> None:
        super().__init__(f"{server} refuses the prompt: {refusal.status}")
        self.refusal = refusal


def read_refusal(status: int, error: object, fields: Collection[str]) -> Refusal:
    """Return what may be shown of an answer with this status.

    Args:
        error: the JSON of the answer, or the value of its `error`, as OpenAI's SDK gives it.
        fields: names of the request fields that were sent.
    """
    said: dict[str, Any] = error if isinstance(error, dict) else {}
    details = said.get("detail")
    if isinstance(details, list) and details and isinstance(details[0], dict):
        said = {"type": details[0].get("type"), "param": _last(details[0].get("loc"))}  # FastAPI's form
    message = str(said.get("message", ""))
    return Refusal(
        _status(status, said, fields),
        _number(said.get("n_ctx")) or _found(_CONTEXT, message),
        _number(said.get("n_prompt_tokens")) or _found(_NEEDED, message),
    )


def _status(status: int, said: dict[str, Any], fields: Collection[str]) -> str:
    codes = [str(said[name]) for name in ("type", "code") if said.get(name)]
    shown = [code for code in dict.fromkeys(codes) if _CODE.fullmatch(code)]
    field = said.get("param")
    named = [f"({field})"] if isinstance(field, str) and field in fields else []
    return " ".join([f"status {status}", *shown, *named])


def _last(path: object) -> object:
    return path[-1] if isinstance(path, list) and path else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 10**9 else None


def _found(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message)
    return int(found[1]) if found else None
