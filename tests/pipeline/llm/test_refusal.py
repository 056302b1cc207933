"""What may be shown of a refusal: codes, names of our own fields and numbers, never the server's words."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.llm.refusal import Refusal, read_refusal

_FIELDS = ("model", "messages", "max_tokens")
_SECRET = "the secret words of a post"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            {
                "message": _SECRET,
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "unsupported",
            },
            "status 400 invalid_request_error unsupported (max_tokens)",
        ),
        (
            {"message": _SECRET, "type": "BadRequestError", "param": None, "code": 400},
            "status 400 BadRequestError",
        ),
        ({"type": "same", "code": "same"}, "status 400 same"),
        ({"type": _SECRET, "param": _SECRET, "code": _SECRET}, "status 400"),
        ({"param": "api_key"}, "status 400"),
        ({"param": ["max_tokens"]}, "status 400"),
        (
            {"detail": [{"loc": ["body", "max_tokens"], "type": "extra_forbidden", "msg": _SECRET}]},
            "status 400 extra_forbidden (max_tokens)",
        ),
        ({"detail": _SECRET}, "status 400"),
        ({"detail": [_SECRET]}, "status 400"),
        (_SECRET, "status 400"),
        (None, "status 400"),
    ],
)
def test_no_words_of_the_server_are_shown(error: Any, shown: str) -> None:
    """OpenAI's errors, FastAPI's, and whatever else a server may send."""
    assert read_refusal(400, error, _FIELDS).status == shown


@pytest.mark.parametrize(
    ("error", "context", "needed"),
    [
        ({"n_prompt_tokens": 9004, "n_ctx": 4096}, 4096, 9004),  # llama.cpp
        (
            {
                "message": "This model's maximum context length is 2048 tokens. However, you requested 24 output "
                "tokens and your prompt contains at least 2025 input tokens, for a total of at least 2049 tokens."
            },
            2048,
            2025,
        ),
        (
            {
                "message": "'max_tokens' or 'max_completion_tokens' is too large: 24. This model's maximum context "
                "length is 2048 tokens and your request has 2040 input tokens (24 > 2048 - 2040)."
            },
            2048,
            2040,
        ),
        (
            {
                "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in "
                "8316 tokens. Please reduce the length of the messages."
            },
            8192,
            8316,
        ),
        ({"message": "too long"}, None, None),
        ({"n_prompt_tokens": "9004", "n_ctx": -1}, None, None),
    ],
)
def test_sizes_are_read_if_the_server_gives_them(error: Any, context: int | None, needed: int | None) -> None:
    """In llama.cpp's fields, or in the words of OpenAI and vLLM."""
    found = read_refusal(400, error, _FIELDS)
    assert found == Refusal(found.status, context, needed)
