"""One request to an OpenAI-compatible server: the only file that speaks to the LLM.

Everything that can go wrong leaves as `LlmSaidNoError` (the request is refused) or `LlmUnavailableError` (anything
else). Their messages, and the log, hold neither prompts nor keys, nor what the server says of a prompt.
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
from pipeline.llm.completion import Answer, read_completion
from pipeline.llm.refusal import LlmSaidNoError, read_refusal

RequestKind = Literal["models", "probe", "canary", "sample", "think", "select"]
RequestOutcome = Literal["ok", "refused", "unavailable"]

_REFUSED_STATUSES = frozenset({400, 413, 422})
_BUSY_STATUSES = frozenset({429, 503})
_HINTS = {
    401: ": check TOCSIN_LLM_API_KEY",
    403: ": check TOCSIN_LLM_API_KEY",
    404: ": check TOCSIN_LLM_URL (it ends in /v1) and TOCSIN_LLM_MODEL",
}
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})  # httpx's
_LOOPBACK = re.compile(r"https?://(localhost|127\.|\[::1\])")


@dataclass(frozen=True)
class LlmRequest:
    """One finished request, for metrics."""

    kind: RequestKind
    outcome: RequestOutcome
    seconds: float  # from sending to the whole answer, without the wait for a free place
    prompt_tokens: int  # as the server counts them; 0 if it does not say
    completion_tokens: (
        int  # the same; llama.cpp counts one sample only where n > 1 and no log-probabilities are asked
    )


class LlmBusyError(LlmUnavailableError):
    """The server says itself that it has too much to do."""


class LlmSettingError(LlmUnavailableError):
    """The server answers as one does of which a setting names the wrong key, address or model."""


class LlmTimeoutError(LlmUnavailableError):
    """No answer came in time."""


class LlmLostError(LlmUnavailableError):
    """The connection broke after the request was sent: the server may have died of it."""


class LlmFailsError(LlmUnavailableError):
    """The server is there and fails: a status of failure, or nonsense."""


@dataclass
class _Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class LlmHttp:
    """Sends requests, a bounded number at once, and translates what comes back.

    Args:
        url: base URL, with `/v1`; shown in messages, so without a password (`Settings` sees to it).
        timeout_seconds: limit for one request.
        max_requests: requests in flight at most.
        on_request: is told of every request that has ended, well or not.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str | None,
        timeout_seconds: float,
        max_requests: int,
        on_request: Callable[[LlmRequest], None],
    ) -> None:
        url = url.rstrip("/")
        self.server = f"LLM server at {url}"
        self._timeout_seconds = timeout_seconds
        self._places = asyncio.Semaphore(max_requests)
        self._on_request = on_request
        self._openai = openai.AsyncOpenAI(
            base_url=url,
            api_key=api_key or "none",
            max_retries=0,
            # A proxy from the environment is for servers elsewhere.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not _LOOPBACK.match(url)),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def list_models(self) -> list[str]:
        """Return the names of the server's models.

        Raises:
            LlmUnavailableError: whatever went wrong.
        """
        with self._translated("models"):
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._openai.models.with_raw_response.list()
            return [entry.id for entry in msgspec.json.decode(response.content, type=_Models).data]

    async def complete(self, kind: RequestKind, body: dict[str, Any]) -> list[Answer]:
        """Send one request, a chat if the body has `messages`, and return its answers, one or more.

        Raises:
            LlmSaidNoError: the server refuses the request.
            LlmUnavailableError: everything else that can go wrong.
        """
        async with self._places:
            with self._translated(kind, body) as usage:
                async with asyncio.timeout(self._timeout_seconds):
                    content = await self._post(body)
                completion = read_completion(content)
                usage.prompt_tokens = completion.prompt_tokens
                usage.completion_tokens = completion.completion_tokens
        return completion.answers

    async def _post(self, body: dict[str, Any]) -> bytes:
        # All by `extra_body`, which takes fields that OpenAI lacks; raw, for the SDK lets any JSON pass.
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
        """Turn what goes wrong inside into our errors, and tell `on_request` how it went."""
        usage = _Usage()
        outcome: RequestOutcome | None = None  # stays so when cancelled
        began = time.monotonic()
        try:
            yield usage
            outcome = "ok"
        except (LlmUnavailableError, openai.OpenAIError, TimeoutError, ValueError, RecursionError) as error:
            translated = self._translate(error, kind, fields)
            outcome = "refused" if isinstance(translated, LlmSaidNoError) else "unavailable"
            raise translated from error
        finally:
            if outcome is not None:
                seconds = time.monotonic() - began
                self._on_request(
                    LlmRequest(kind, outcome, seconds, usage.prompt_tokens, usage.completion_tokens)
                )

    def _translate(
        self, error: Exception, kind: RequestKind, fields: Collection[str]
    ) -> LlmSaidNoError | LlmUnavailableError:
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
        # A ValueError: no JSON, no UTF-8, or not the fields of OpenAI's API.
        return LlmFailsError(f"{self.server} answers with something else than OpenAI's API would")

    def _translate_status(
        self, error: openai.APIStatusError, kind: RequestKind, fields: Collection[str]
    ) -> LlmSaidNoError | LlmUnavailableError:
        status = error.status_code
        refusal = read_refusal(status, error.body, fields)
        if status in _REFUSED_STATUSES and kind != "models":
            return LlmSaidNoError(self.server, refusal)
        if status in _BUSY_STATUSES:
            return LlmBusyError(f"{self.server} is busy: {refusal.status}")
        if status in _HINTS:
            return LlmSettingError(f"{self.server} fails: {refusal.status}{_HINTS[status]}")
        fails = LlmFailsError if status >= 500 else LlmUnavailableError
        return fails(f"{self.server} fails: {refusal.status}")
