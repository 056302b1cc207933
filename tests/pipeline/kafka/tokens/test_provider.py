"""When a source of tokens is asked, and what serves while it fails; the source is a fake in memory."""

import asyncio
import time
from dataclasses import replace

import pytest

from pipeline.errors import TokenRefusedError, TokenUnavailableError
from pipeline.kafka.tokens import provider as token_provider
from pipeline.kafka.tokens.provider import TokenError, TokenProvider
from pipeline.kafka.tokens.token import Token, read_token
from tests.pipeline.kafka.tokens.served_tokens import unsigned_token


class FakeSource:
    """A FAKE source: gives what a test sets, and counts."""

    name = "fake"

    def __init__(self, *, is_kept: bool = True) -> None:
        self.is_kept = is_kept
        self.gives: Token | TokenError = read_token("first")
        self.num_asked = 0

    async def fetch(self) -> Token:
        self.num_asked += 1
        await asyncio.sleep(0)
        if isinstance(self.gives, Token):
            return self.gives
        raise self.gives


async def test_a_token_is_kept_until_it_nears_its_end() -> None:
    """However many connections are made at once, its source is asked once; and again before it expires."""
    source = FakeSource()
    provider = TokenProvider(source, {})
    assert set(await asyncio.gather(*(provider.token() for _ in range(5)))) == {"first"}
    assert source.num_asked == 1
    assert provider.last is not None
    provider.last = replace(provider.last, renew_at=time.time() - 1, expires_at=time.time() + 20)
    source.gives = read_token("second")
    assert await provider.token() == "second"


async def test_a_file_is_asked_each_time() -> None:
    """Whoever writes it knows best which token is good."""
    source = FakeSource(is_kept=False)
    provider = TokenProvider(source, {})
    assert await provider.token() == "first"
    source.gives = read_token("second")
    assert await provider.token() == "second"


@pytest.mark.parametrize("failure", [TokenUnavailableError("away"), TokenRefusedError("no")])
async def test_the_old_token_serves_while_it_is_valid(
    failure: TokenError, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing source is reported once, and asked again. Without a valid token the connection fails too."""
    monkeypatch.setattr(token_provider, "_MAX_BACKOFF_SECONDS", 0.0)
    source = FakeSource(is_kept=False)
    source.gives = read_token(unsigned_token(lifetime_seconds=100))
    provider = TokenProvider(source, {})
    good = await provider.token()
    source.gives = failure
    assert [await provider.token() for _ in range(3)] == [good] * 3
    assert [record.message for record in caplog.records] == [f"{failure}; trying again until it answers"]
    assert provider.last is not None
    provider.last = replace(provider.last, expires_at=time.time() - 1)
    with pytest.raises(type(failure), match=str(failure)):
        await provider.token()
    source.gives = read_token("second")
    assert await provider.token() == "second"
    assert "answers again" in caplog.text or not caplog.records[1:]


async def test_an_old_token_without_an_end_serves_until_kafka_refuses_it() -> None:
    """Nobody here knows when it ends, so Kafka is asked; after that the source's failure says more."""
    source = FakeSource(is_kept=False)
    provider = TokenProvider(source, {})
    assert await provider.token() == "first"
    source.gives = TokenUnavailableError("away")
    assert await provider.token() == "first"
    provider.note_refused()
    with pytest.raises(TokenUnavailableError, match="away"):
        await provider.token()


async def test_a_failing_source_is_not_asked_by_every_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients try to connect several times a second, and each of them would start the program or ask the endpoint."""
    monkeypatch.setattr(token_provider, "backoff_seconds", lambda *_, **__: 3600.0)
    source = FakeSource()
    source.gives = TokenUnavailableError("away")
    provider = TokenProvider(source, {})
    for _ in range(5):
        with pytest.raises(TokenUnavailableError, match="away"):
            await provider.token()
    assert source.num_asked == 1


async def test_a_token_that_kafka_refuses_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is asked for, later and later while none is taken."""
    attempts: list[int] = []

    def no_backoff(attempt: int, *, max_seconds: float) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr(token_provider, "backoff_seconds", no_backoff)
    source = FakeSource()
    provider = TokenProvider(source, {})
    assert await provider.token() == "first"
    provider.note_accepted()
    source.gives = read_token("second")
    assert await provider.token() == "first"
    provider.note_refused()
    assert await provider.token() == "second"
    provider.note_refused()
    assert await provider.token() == "second"
    assert (source.num_asked, attempts) == (3, [0, 1])
    provider.note_accepted()
    assert await provider.token() == "second"
    assert source.num_asked == 3


async def test_a_refused_token_is_replaced_however_often_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who tries on and on with it does not put off the time at which another one is asked for."""
    monkeypatch.setattr(token_provider, "backoff_seconds", lambda *_, **__: 0.3)
    source = FakeSource()
    provider = TokenProvider(source, {})
    assert await provider.token() == "first"
    source.gives = read_token("second")
    async with asyncio.timeout(20):
        while await provider.token() == "first":
            provider.note_refused()
            await asyncio.sleep(0.01)
    assert source.num_asked == 2


def test_event_loops_share_a_provider() -> None:
    """Faust's consumer runs in a loop and a thread of its own."""
    source = FakeSource()
    provider = TokenProvider(source, {"a": "b"})

    async def several() -> set[str]:
        return set(await asyncio.gather(*(provider.token() for _ in range(5))))

    assert asyncio.run(several()) == asyncio.run(several()) == {"first"}
    assert source.num_asked == 1
    assert provider.extensions() == {"a": "b"}


def test_a_failure_is_one_that_aiokafka_tries_again() -> None:
    """Anything but an `OSError` would end the tasks that keep its clients going."""
    assert issubclass(TokenUnavailableError, OSError)
    assert issubclass(TokenRefusedError, OSError)
    assert str(TokenRefusedError("no")) == "no"
