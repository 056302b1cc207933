from __future__ import annotations

from typing import Any

import pytest

from models.prompts.prompt import ChatMessage
from pipeline.llm.question import Wording, without_system

_BODY: dict[str, Any] = {"model": "m", "messages": [], "max_tokens": 9, "n": 3, "temperature": 0.7, "seed": 1}


@pytest.mark.parametrize(
    ("wording", "changed"),
    [
        (Wording(), {}),
        (Wording(limit_field="max_completion_tokens"), {"max_tokens": None, "max_completion_tokens": 9}),
        (Wording(left_out=frozenset({"seed"})), {"seed": None}),
        (Wording(max_n=2), {"n": 2}),
        (Wording(max_n=1), {"n": None}),
    ],
)
def test_a_request_has_the_fields_that_the_server_accepts(wording: Wording, changed: dict[str, Any]) -> None:
    """The given body stays unchanged. In the table None stands for a field that is not sent."""
    expected = {name: value for name, value in (_BODY | changed).items() if value is not None}
    assert wording.apply(_BODY) == expected
    assert _BODY["max_tokens"] == 9
    assert wording.is_limited == bool(changed)
    assert bool(wording.describe()) == bool(changed)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["system", "user", "assistant"], ["user", "assistant"]),
        (["user"], ["user"]),
        (["system"], ["system"]),
    ],
)
def test_a_chat_without_system_begins_with_the_user(roles: list[str], expected: list[str]) -> None:
    """The text of the system message goes into the first user message, if there is one."""
    chat = [ChatMessage(role=role, content=role) for role in roles]
    found = without_system(chat)
    assert [message["role"] for message in found] == expected
    assert "".join(message["content"] for message in found).replace("\n\n", "") == "".join(roles)
