"""A connected LLM and the alert generator, without Kafka; starts the embedded LLM if the settings name no server."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pipeline.alert.build import build_alert_generator, llm_options
from pipeline.alert.generator import AlertGenerator
from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmRequest, LlmSettingError
from pipeline.local.embedded_llm import EmbeddedLlm
from pipeline.local.http_probe import answers_http
from pipeline.local.process import LocalProcess, while_running
from pipeline.local.slow_start import SlowStart, say_on_stderr
from pipeline.local.stack import START_SECONDS
from pipeline.outage import endless_retries
from pipeline.settings import Settings, chosen_settings

_T = TypeVar("_T")

# The server answers but cannot be used until a setting is changed, so a person at a terminal need not wait.
_NEEDS_A_PERSON = (LlmUnfitError, LlmSettingError)


@dataclass
class LlmCost:
    """What the LLM requests about one post cost."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0  # sum over the requests, without the wait for a free slot


@dataclass(frozen=True)
class Session:
    """A connected LLM and the generator that asks it."""

    client: LlmClient
    generator: AlertGenerator
    settings: Settings  # if the embedded LLM was started, with its address and what it needs
    _processes: Sequence[LocalProcess] = field(repr=False)

    async def while_running(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what `work` returns.

        Raises:
            LocalServiceError: the embedded LLM ended before that.
        """
        return await while_running(self._processes, work)


_cost: ContextVar[LlmCost | None] = ContextVar("cost", default=None)


def start_counting() -> LlmCost:
    """Return a cost to which every further LLM request of this task is added."""
    cost = LlmCost()
    _cost.set(cost)
    return cost


def _count(request: LlmRequest) -> None:
    cost = _cost.get()
    if cost is not None:
        cost.requests += 1
        cost.prompt_tokens += request.prompt_tokens
        cost.completion_tokens += request.completion_tokens
        cost.seconds += request.seconds


@asynccontextmanager
async def open_session(
    settings: Settings, *, report: Callable[[str], None] = say_on_stderr
) -> AsyncIterator[Session]:
    """Connect to the server that the settings name. If they name none, start the embedded LLM.

    Args:
        report: called with a line about what is waited for, if that takes long.

    Raises:
        LocalServiceError: the embedded LLM does not come up.
        LlmUnusableError: the server is up but cannot be used until a setting is changed.
        SettingsError: the settings do not fit the embedded LLM.
    """
    async with AsyncExitStack() as stack:
        processes: list[LocalProcess] = []
        if "llm_url" not in settings.model_fields_set:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-")))
            llm = EmbeddedLlm(folder, chosen_settings(settings))
            stack.push_async_callback(llm.process.stop)
            await llm.start()
            settings = Settings.model_validate(llm.settings)
            processes.append(llm.process)
            health = settings.llm_url.removesuffix("/v1") + "/health"
            await llm.process.wait_until_ready(
                lambda: answers_http(health), timeout_seconds=START_SECONDS, report=report
            )
        client = await while_running(processes, _connect(settings, report))
        stack.push_async_callback(client.close)
        yield Session(client, build_alert_generator(client, settings), settings, processes)


async def _connect(settings: Settings, report: Callable[[str], None]) -> LlmClient:
    """Return a client once the server can be used. A reason to wait is reported once, not after every attempt.

    Raises:
        LlmUnusableError: the server is up but cannot be used until a setting is changed.
    """
    slow = SlowStart("the LLM", report)

    def is_away(error: Exception) -> bool:
        if isinstance(error, LlmUnavailableError) and not isinstance(error, _NEEDS_A_PERSON):
            slow.note(lambda: str(error))
            return True
        return False

    try:
        return await endless_retries(5.0)(
            is_away, LlmClient.connect, llm_options(settings), on_request=_count
        )
    except _NEEDS_A_PERSON as error:
        raise LlmUnusableError(str(error)) from error
