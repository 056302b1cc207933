"""Sends one request to an OpenAI-compatible server. No other file speaks to the LLM server.

Every failure is raised as `RequestRefusedError` (the server refuses the request) or as `LlmUnavailableError` (anything
else). The messages of both, and the log, hold no prompt, no key, and nothing that the server says about a prompt.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import openai

from pipeline.errors import LlmUnavailableError
from pipeline.llm.answers import Answer, read_completion
from pipeline.llm.options import LlmOptions
from pipeline.llm.refusal import RequestRefusedError, read_refusal

RequestKind = Literal["models", "probe", "canary", "sample", "think", "select", "judge"]
RequestOutcome = Literal["ok", "refused", "unavailable"]

_REFUSED_STATUSES = frozenset({400, 413, 422})
_BUSY_STATUSES = frozenset({429, 503})
_HINTS = {
    401: ": check TOCSIN_LLM_API_KEY",
    403: ": check TOCSIN_LLM_API_KEY",
    404: ": check TOCSIN_LLM_URL (it ends in /v1) and TOCSIN_LLM_MODEL",
}
# Errors of httpx after which no request was sent.
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_LOOPBACK = re.compile(r"https?://(localhost|127\.|\[::1\])")


@dataclass(frozen=True)
class LlmRequest:
    """One finished request, for metrics."""

    kind: RequestKind
    outcome: RequestOutcome
    seconds: float  # time from sending to the whole answer, without the wait for a free slot
    prompt_tokens: int  # as the server counts them; 0 if it does not say
    # The same. llama.cpp counts only one sample if n > 1 and no log-probabilities are asked for.
    completion_tokens: int


class LlmBusyError(LlmUnavailableError):
    """The server says that it has too much to do."""


class LlmSettingError(LlmUnavailableError):
    """The status suggests that a setting names a wrong key, address or model."""


class LlmTimeoutError(LlmUnavailableError):
    """No answer came within the limit."""


class LlmLostError(LlmUnavailableError):
    """The connection broke after the request was sent. The server may have died of the request."""


class LlmFailsError(LlmUnavailableError):
    """The server answers with a status from 500 on, or not as OpenAI's API does."""


@dataclass
class _Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class LlmHttp:
    """Sends requests and reads the answers.

    Args:
        options: server, key and limits.
        on_request: called with every request that has ended, well or not.
    """

    def __init__(self, options: LlmOptions, on_request: Callable[[LlmRequest], None]) -> None:
        url = options.url.rstrip("/")
        self.server = f"LLM server at {url}"  # what messages call the server
        self._timeout_seconds = options.timeout_seconds
        self._slots = asyncio.Semaphore(options.max_requests)
        self._on_request = on_request
        self._openai = openai.AsyncOpenAI(
            base_url=url,
            api_key=options.api_key or "none",
            max_retries=0,
            # A proxy that the environment names is not for servers on this machine.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not _LOOPBACK.match(url)),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def list_models(self) -> list[str]:
        """Return the names of the server's models.

        Raises:
            LlmUnavailableError: the request failed, for whatever reason.
        """
        with self._translated("models"):
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._openai.models.with_raw_response.list()
            return [entry.id for entry in msgspec.json.decode(response.content, type=_Models).data]

    async def complete(self, kind: RequestKind, body: dict[str, Any]) -> list[Answer]:
        """Send one request, as a chat if the body has `messages`, and return its answers (at least one).

        Raises:
            RequestRefusedError: the server refuses the request.
            LlmUnavailableError: the request failed in any other way.
        """
        async with self._slots:
            with self._translated(kind, body) as usage:
                async with asyncio.timeout(self._timeout_seconds):
                    content = await self._post(body)
                completion = read_completion(content)
                usage.prompt_tokens = completion.prompt_tokens
                usage.completion_tokens = completion.completion_tokens
        return completion.answers

    async def _post(self, body: dict[str, Any]) -> bytes:
        # `extra_body` may hold fields that OpenAI's API lacks. The raw response is read, because the SDK does not
        # check what it parses.
        if "messages" in body:
            chat = await self._openai.chat.completions.with_raw_response.create(
                model=body["model"], messages=[], extra_body=body
            )
            return chat.content
        text = await self._openai.completions.with_raw_response.create(
            model=body["model"], prompt="", extra_body=body
        )
        return text.content

    @contextmanager
    def _translated(self, kind: RequestKind, fields: Collection[str] = ()) -> Iterator[_Usage]:
        """Translate the errors raised inside, and report the request to `on_request`."""
        usage = _Usage()
        outcome: RequestOutcome | None = None  # stays None if the request is cancelled
        began = time.monotonic()
        try:
            yield usage
            outcome = "ok"
        except (LlmUnavailableError, openai.OpenAIError, TimeoutError, ValueError, RecursionError) as error:
            translated = self._translate(error, kind, fields)
            outcome = "refused" if isinstance(translated, RequestRefusedError) else "unavailable"
            raise translated from error
        finally:
            if outcome is not None:
                seconds = time.monotonic() - began
                self._on_request(
                    LlmRequest(kind, outcome, seconds, usage.prompt_tokens, usage.completion_tokens)
                )

    def _translate(
        self, error: Exception, kind: RequestKind, fields: Collection[str]
    ) -> RequestRefusedError | LlmUnavailableError:
        match error:
            case LlmUnavailableError():
                return error
            case TimeoutError() | openai.APITimeoutError():
                return LlmTimeoutError(f"{self.server} gives no answer in {self._timeout_seconds:g} s")
            case openai.APIStatusError():
                return self._translate_status(error, kind, fields)
            case openai.APIConnectionError():
                cause = type(error.__cause__).__name__
                lost = LlmUnavailableError if cause in _NEVER_SENT else LlmLostError
                return lost(f"{self.server} cannot be reached ({cause}): is it running?")
        # A ValueError: not JSON, not UTF-8, or without the fields of OpenAI's API.
        return LlmFailsError(f"{self.server} does not answer as OpenAI's API does")

    def _translate_status(
        self, error: openai.APIStatusError, kind: RequestKind, fields: Collection[str]
    ) -> RequestRefusedError | LlmUnavailableError:
        status = error.status_code
        refusal = read_refusal(status, error.body, fields)
        if status in _REFUSED_STATUSES and kind != "models":
            return RequestRefusedError(self.server, refusal)
        if status in _BUSY_STATUSES:
            return LlmBusyError(f"{self.server} is busy: {refusal.status}")
        if status in _HINTS:
            return LlmSettingError(f"{self.server} fails: {refusal.status}{_HINTS[status]}")
        fails = LlmFailsError if status >= 500 else LlmUnavailableError
        return fails(f"{self.server} fails: {refusal.status}")
