"""A client on the fake LLM server, and the requests that tests make with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from models.prompts.prompt import ChatMessage
from pipeline.alert.build import longest_candidate_prompt, longest_selection_prompt
from pipeline.llm.answers import Choice
from pipeline.llm.client import LlmClient
from pipeline.llm.http import LlmRequest
from pipeline.llm.options import Demands, LlmOptions, RetryLimits
from tests.pipeline.llm.fake_llm import Behaviour, FakeLlm, Reply, answering, completion, is_canary

SECRET = "the secret words of a post"
MESSAGES: list[ChatMessage] = [{"role": "user", "content": SECRET}]
# The demands of the pipeline on a server.
DEMANDS = Demands(
    num_samples=8,
    temperature=0.7,
    max_tokens=24,
    candidate_prompt=longest_candidate_prompt("candidate-v1"),
    selection_prompt=longest_selection_prompt(),
)


def make_options(
    fake: FakeLlm,
    *,
    timeout_seconds: float = 5.0,
    give_up_seconds: float = float("inf"),
    **options: Any,
) -> LlmOptions:
    """Options for the fake: short waits, few failures, and two requests in flight."""
    limits = RetryLimits(max_failures=3, max_backoff_seconds=0.02, give_up_seconds=give_up_seconds)
    return LlmOptions(
        url=fake.url,
        api_key="the-key",
        timeout_seconds=timeout_seconds,
        max_requests=2,
        limits=limits,
        **options,
    )


def _ignore(_: object) -> None:
    pass


async def connect(
    fake: FakeLlm,
    *,
    on_request: Callable[[LlmRequest], None] = _ignore,
    on_state: Callable[[str], None] = _ignore,
    **options: Any,
) -> LlmClient:
    """A client that has examined the fake."""
    return await LlmClient.connect(make_options(fake, **options), on_request=on_request, on_state=on_state)


@asynccontextmanager
async def connected(behave: Behaviour, **options: Any) -> AsyncIterator[tuple[FakeLlm, LlmClient]]:
    """A fake, and a client that has connected to it while it still behaved well."""
    async with FakeLlm(answering("hello")) as fake:
        client = await connect(fake, **options)
        fake.behave = behave
        fake.requests.clear()
        yield fake, client
        await client.close()


async def sample(client: LlmClient, num_samples: int = 2, grammar: str | None = None) -> list[str]:
    samples = await client.sample(
        MESSAGES, num_samples=num_samples, temperature=0.7, max_tokens=9, seed=5, grammar=grammar
    )
    return [sample.text for sample in samples]


async def choose(client: LlmClient, num_options: int = 3) -> Choice:
    return await client.choose(MESSAGES, num_options, max_tokens=9, seed=5)


def in_turn(*replies: Reply | Behaviour, after: Behaviour) -> Behaviour:
    """Each own request gets the next reply, then `after`; canaries are always answered."""
    left = list(replies)

    def behave(request: dict[str, Any]) -> Reply:
        if is_canary(request):
            return completion(["hi"])
        reply = left.pop(0) if left else after
        return reply if isinstance(reply, Reply) else reply(request)

    return behave
