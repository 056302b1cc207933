"""OAUTHBEARER on a real Apache Kafka: tokens from every source, refused tokens in words, and sessions that end."""

import asyncio
import shlex
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.errors import KafkaAccessError
from pipeline.kafka_admin import ensure_topics
from pipeline.kafka_security import kafka_security
from pipeline.publisher import Outgoing, Publisher
from pipeline.settings import Settings
from pipeline.topic_reader import reading
from tests.pipeline.agent_process import AgentProcess, running, until
from tests.pipeline.brokers import kafka_or_skip, started
from tests.pipeline.fake_llm import FakeLlm, answering
from tests.pipeline.secured_kafka import SecuredKafka, client_settings
from tests.pipeline.test_secured_kafka import _ALL_RIGHTS, _use
from tests.pipeline.tokens import fake_endpoint, unsigned_token

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]
_PROMPT_SECONDS = 20


@asynccontextmanager
async def _kafka(folder: Path, **further: object) -> AsyncIterator[SecuredKafka]:
    """Give a running broker with all topics, on which the subject `tocsin` may do all that the program does."""
    kafka = SecuredKafka(kafka_or_skip(), folder, [], {k.replace("__", "."): v for k, v in further.items()})
    async with started(kafka):
        await ensure_topics(Settings(brokers=kafka.brokers, topic_partitions=1))
        await kafka.allow("tocsin", *_ALL_RIGHTS)
        yield kafka


def _settings(kafka: SecuredKafka, listener: str = "SASL_PLAINTEXT", **settings: Any) -> Settings:
    return Settings(**client_settings(kafka, listener, kafka_sasl_mechanism="OAUTHBEARER", **settings))


async def test_tokens_of_every_source_are_taken(tmp_path: Path) -> None:
    """A file, a program and an endpoint, with and without TLS, with extensions, by our own clients."""
    file = tmp_path / "token"
    file.write_text(unsigned_token() + "\n")
    async with _kafka(tmp_path) as kafka, fake_endpoint() as endpoint:
        sources: list[dict[str, Any]] = [
            {"kafka_token_file": file},
            {"kafka_token_command": f"cat {shlex.quote(str(file))}"},
            {"kafka_token_url": endpoint.url, "kafka_token_client_id": "a", "kafka_token_client_secret": "b"},
            {"kafka_token_file": file, "kafka_token_extensions": "logicalCluster=lkc-1,identityPoolId=pool-1"},
        ]
        for source in sources:
            for listener in ("SASL_PLAINTEXT", "SASL_SSL"):
                assert await _use(_settings(kafka, listener, **source)) == b"v"


async def test_a_refused_token_is_told_at_once_with_the_reason(tmp_path: Path) -> None:
    """Expired, of a stranger, without a subject or no token at all: what, where, whose, and the setting to look at."""
    file = tmp_path / "token"
    setting = rf"check TOCSIN_KAFKA_TOKEN_FILE='{file}'"
    async with _kafka(tmp_path) as kafka:
        address = kafka.address("SASL_PLAINTEXT")
        cases = [
            (unsigned_token(lifetime_seconds=-600), rf"{address} refuses our token .*invalid_token.*expired at .*{setting}"),
            (unsigned_token(None, other="x"), rf"refuses our token .*invalid_token.*names no subject.*{setting}"),
            ("garbage", rf"refuses our token .*{setting}"),
            (unsigned_token("stranger"), "bearer of our token .subject 'stranger'. .*lacks an? ACL|sees no topic"),
        ]
        for token, message in cases:
            file.write_text(token)
            began = time.monotonic()
            with pytest.raises(KafkaAccessError, match=message) as caught:
                await _use(_settings(kafka, kafka_token_file=file))
            assert time.monotonic() - began < _PROMPT_SECONDS
            assert token not in str(caught.value)


@asynccontextmanager
async def _renewed(file: Path, *, lifetime_seconds: float) -> AsyncIterator[list[str]]:
    """Keep a token in the file that holds for so long, a new one each half second, as an orchestrator does."""
    written: list[str] = []

    async def renew() -> None:
        while True:
            written.append(unsigned_token(lifetime_seconds=lifetime_seconds))
            new = file.with_suffix(".new")
            new.write_text(written[-1])
            new.replace(file)
            await asyncio.sleep(0.5)

    renewing = asyncio.create_task(renew())
    try:
        await until(file.exists)
        yield written
    finally:
        renewing.cancel()


def _num_logins(agent: AgentProcess) -> int:
    return agent.log_file.read_text().count("Authenticated via OAUTHBEARER")


async def _read_all(kafka: SecuredKafka, topic: str, num: int) -> Counter[bytes]:
    """Return how often each key is on a topic, once there are so many, and a little longer."""
    keys: Counter[bytes] = Counter()
    async with reading(kafka.brokers, [topic], from_beginning=True) as records:
        async with asyncio.timeout(60):
            while len(keys) < num:
                keys[(await anext(records)).key or b""] += 1
        try:
            async with asyncio.timeout(1.0):
                async for record in records:
                    keys[record.key or b""] += 1
        except TimeoutError:
            pass
    return keys


async def test_sessions_that_end_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Where Kafka ends each connection after a second or two, agents and producers go on with fresh tokens; no log
    holds one of them."""
    file = tmp_path / "token"
    async with (
        _kafka(tmp_path, connections__max__reauth__ms=2000) as kafka,
        FakeLlm(answering("Fire: Athens")) as llm,
        _renewed(file, lifetime_seconds=4.0) as tokens,
    ):
        settings = _settings(kafka, kafka_token_file=file)
        given = {"kafka_sasl_mechanism": "OAUTHBEARER", "kafka_token_file": file, "log_level": "debug"}
        annotate = AgentProcess("annotate", tmp_path / "annotate.log", settings, **given)
        alert = AgentProcess("alert", tmp_path / "alert.log", settings, llm_url=llm.url, **given)
        async with running(annotate, alert):
            await annotate.wait_until_ready()
            await alert.wait_until_ready()
            publisher = await Publisher.connect(settings.brokers, security=kafka_security(settings))
            before = [_num_logins(agent) for agent in (annotate, alert)]
            num = 0
            async with asyncio.timeout(120):
                while min(_num_logins(a) - b for a, b in zip((annotate, alert), before, strict=True)) < 20:
                    post = orjson.dumps({"id": f"p{num}", "text": "A fire broke out in Athens on Monday."})
                    await publisher.publish([Outgoing("posts", f"p{num}".encode(), post)])
                    num += 1
                    await asyncio.sleep(0.1)
            await publisher.close()
            expected = {f"p{n}".encode(): 1 for n in range(num)}
            assert await _read_all(kafka, "posts", num) == expected
            assert await _read_all(kafka, "posts.annotated", num) == expected
            assert await _read_all(kafka, "alerts", num) == expected
            assert await annotate.stop() < 15
            assert await alert.stop() < 15
        logs = annotate.log_file.read_text() + alert.log_file.read_text()
    assert not [token for token in tokens if token in logs]
    assert "Traceback" not in logs
