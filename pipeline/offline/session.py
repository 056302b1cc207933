"""The alert generator without Kafka, on a server that runs or on the embedded LLM started for it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pipeline.alert.build import build_alert_generator, build_llm_client
from pipeline.alert.generator import AlertGenerator
from pipeline.errors import LlmUnavailableError, LlmUnfitError, LlmUnusableError
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmRequest, LlmSettingError
from pipeline.local.process import LocalProcess, answers_http, while_running
from pipeline.local.slow_start import SlowStart, say_on_stderr
from pipeline.local.stack import START_SECONDS, chosen_settings, embedded_llm
from pipeline.outage import retries
from pipeline.settings import Settings

_T = TypeVar("_T")

# The server is there and will not do: a person at a terminal need not wait.
_WILL_NOT_DO = (LlmUnfitError, LlmSettingError)


@dataclass
class LlmCost:
    """What the LLM took for one post."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0  # of all requests together, without the wait for a free place


@dataclass(frozen=True)
class TrialLlm:
    """A connected LLM and the generator on it."""

    client: LlmClient
    generator: AlertGenerator
    settings: Settings  # with what the embedded LLM wants in them
    _processes: Sequence[LocalProcess] = field(repr=False)

    async def while_running(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what `work` returns; raises `LocalServiceError` when the embedded LLM ends before."""
        return await while_running(self._processes, work)


_cost: ContextVar[LlmCost | None] = ContextVar("cost", default=None)


def counted() -> LlmCost:
    """Return a cost that counts from now on every LLM request that this task makes."""
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
async def trial_llm(
    settings: Settings, *, report: Callable[[str], None] = say_on_stderr
) -> AsyncIterator[TrialLlm]:
    """Connect to the server that the settings name, or start the embedded LLM where they name none.

    Args:
        report: told what is waited for, where that takes long.

    Raises:
        LocalServiceError: the embedded LLM does not come up.
        LlmUnusableError: the server is up, and will not do.
        SettingsError: the settings do not fit it.
    """
    async with AsyncExitStack() as stack:
        processes: list[LocalProcess] = []
        if "llm_url" not in settings.model_fields_set:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-")))
            changed, process = await embedded_llm(stack, folder, chosen_settings(settings))
            settings = Settings.model_validate(changed)
            processes.append(process)
            health = settings.llm_url.removesuffix("/v1") + "/health"
            await process.wait_until_ready(
                lambda: answers_http(health), timeout_seconds=START_SECONDS, report=report
            )
        client = build_llm_client(settings, on_request=_count)
        stack.push_async_callback(client.close)
        await while_running(processes, _connect(client, report))
        yield TrialLlm(client, build_alert_generator(client, settings), settings, processes)


async def _connect(client: LlmClient, report: Callable[[str], None]) -> None:
    """Return once the server answers; a person waits, who is told once and not with every attempt.

    Raises:
        LlmUnusableError: the server is there and will not do.
    """
    slow = SlowStart("the LLM", report)

    def is_away(error: Exception) -> bool:
        if isinstance(error, LlmUnavailableError) and not isinstance(error, _WILL_NOT_DO):
            slow.note(lambda: str(error))
            return True
        return False

    try:
        async for attempt in retries(is_away, wait_max_seconds=5.0):
            with attempt:
                await client.connect()
                return
    except _WILL_NOT_DO as error:
        raise LlmUnusableError(str(error)) from error
