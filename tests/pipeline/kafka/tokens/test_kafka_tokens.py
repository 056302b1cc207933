"""OAUTHBEARER on a real Apache Kafka: tokens from every source, refused tokens, and sessions that end."""

import asyncio
import shlex
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.alert.build import build_ledger
from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.local.process import find_free_port
from pipeline.messages.record import Outgoing
from pipeline.monitor.health import Progress
from pipeline.monitor.metrics import Metrics
from pipeline.settings import Settings, load_settings
from tests.pipeline.agent_process import AgentProcess, running, until, until_logged
from tests.pipeline.kafka.brokers import kafka_or_skip, started
from tests.pipeline.kafka.secured_kafka import (
    ALL_RIGHTS,
    PASSWORD,
    SecuredKafka,
    client_settings,
    publish_and_read,
    run_tocsin,
)
from tests.pipeline.kafka.tokens.served_tokens import fake_endpoint, unsigned_token
from tests.pipeline.llm.fake_llm import FakeLlm, answering

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]
_PROMPT_SECONDS = 20


@asynccontextmanager
async def _kafka(folder: Path, **further: object) -> AsyncIterator[SecuredKafka]:
    """Give a running broker with all topics, on which the subject `tocsin` may do all that the program does."""
    kafka = SecuredKafka(kafka_or_skip(), folder, [], {k.replace("__", "."): v for k, v in further.items()})
    async with started(kafka):
        await ensure_topics(Settings(brokers=kafka.brokers, topic_partitions=1))
        await kafka.allow("tocsin", *ALL_RIGHTS)
        yield kafka


def _settings(kafka: SecuredKafka, listener: str = "SASL_PLAINTEXT", **settings: Any) -> Settings:
    return Settings(**client_settings(kafka, listener, kafka_sasl_mechanism="OAUTHBEARER", **settings))


async def test_tokens_of_every_source_are_accepted(tmp_path: Path) -> None:
    """Our own clients log in with tokens of a file, a program and an endpoint, with and without TLS and extensions."""
    file = tmp_path / "token"
    file.write_text(unsigned_token() + "\n")
    async with _kafka(tmp_path) as kafka, fake_endpoint() as endpoint:
        sources: list[dict[str, Any]] = [
            {"kafka_token_file": file},
            {"kafka_token_command": f"cat {shlex.quote(str(file))}"},
            {"kafka_token_url": endpoint.url, "kafka_token_client_id": "a", "kafka_token_client_secret": "b"},
            {
                "kafka_token_file": file,
                "kafka_token_extensions": "logicalCluster=lkc-1 identityPoolId=pool-1,pool-2",
            },
        ]
        for source in sources:
            for listener in ("SASL_PLAINTEXT", "SASL_SSL"):
                assert await publish_and_read(_settings(kafka, listener, **source)) == b"v"


async def test_a_refused_token_is_reported_at_once_with_the_reason(tmp_path: Path) -> None:
    """The error names the reason, the broker, the subject and the setting."""
    file = tmp_path / "token"
    setting = rf"check TOCSIN_KAFKA_TOKEN_FILE='{file}'"
    password_only = {"listener__name__sasl_ssl__sasl__enabled__mechanisms": "PLAIN"}
    async with _kafka(tmp_path, **password_only) as kafka:
        address = kafka.address("SASL_PLAINTEXT")
        file.write_text(unsigned_token())
        not_taken = "does not take OAUTHBEARER: check TOCSIN_KAFKA_SASL_MECHANISM"
        for listener in ("SASL_SSL", "PLAINTEXT"):
            with pytest.raises(KafkaAccessError, match=not_taken):
                await publish_and_read(_settings(kafka, listener, kafka_token_file=file))
        no_tls = _settings(kafka, kafka_token_file=file, brokers=kafka.address("SASL_SSL"))
        with pytest.raises(BrokerUnavailableError, match="wants TLS or no TLS, or refuses our token"):
            await publish_and_read(no_tls)
        cases = [
            (
                unsigned_token(lifetime_seconds=-600),
                rf"{address} refuses our token .*invalid_token.*expired at .*{setting}",
            ),
            (
                unsigned_token(None, other="x"),
                rf"refuses our token .*invalid_token.*names no subject.*{setting}",
            ),
            ("garbage", rf"refuses our token .*{setting}"),
            (
                unsigned_token("stranger"),
                "bearer of our token .subject 'stranger'. .*lacks an? ACL|sees no topic",
            ),
        ]
        for token, message in cases:
            file.write_text(token)
            began = time.monotonic()
            with pytest.raises(KafkaAccessError, match=message) as caught:
                await publish_and_read(_settings(kafka, kafka_token_file=file))
            assert time.monotonic() - began < _PROMPT_SECONDS
            assert token not in str(caught.value)


@dataclass
class Rotation:
    """Writes a new token to a file each half second, as an orchestrator does."""

    file: Path
    gives: Callable[[], str | None] = lambda: unsigned_token(lifetime_seconds=4.0)  # none: no file
    written: list[str] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            token = self.gives()
            if token is None:
                self.file.unlink(missing_ok=True)
            else:
                self.written.append(token)
                new = self.file.with_suffix(".new")
                new.write_text(token)
                new.replace(self.file)
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _rotating(file: Path) -> AsyncIterator[Rotation]:
    rotation = Rotation(file)
    rotating = asyncio.create_task(rotation.run())
    try:
        await until(file.exists)
        yield rotation
    finally:
        rotating.cancel()


def _num_logins(agent: AgentProcess) -> int:
    return agent.log_file.read_text().count("Authenticated via OAUTHBEARER")


async def _read_all(kafka: SecuredKafka, topic: str, num: int) -> Counter[bytes]:
    """Return how often each key is on a topic, once there are this many, and a little longer."""
    keys: Counter[bytes] = Counter()
    async with follow(Cluster(kafka.brokers), [topic], from_beginning=True) as records:
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


async def test_agents_outlive_a_source_that_fails(tmp_path: Path) -> None:
    """While the token file is gone, and then holds expired tokens, the log says so and posts wait; with good tokens
    nothing is lost or doubled."""
    file = tmp_path / "token"
    login = {"kafka_sasl_mechanism": "OAUTHBEARER", "kafka_token_file": file}
    outages: list[tuple[str | None, str]] = [
        (None, f"Unable connect to node with id 1: TOCSIN_KAFKA_TOKEN_FILE='{file}': cannot be read"),
        (unsigned_token(lifetime_seconds=-600), "Unable connect to node with id 1: [Error 58]"),
    ]
    async with (
        _kafka(tmp_path, connections__max__reauth__ms=2000) as kafka,
        _rotating(file) as rotation,
    ):
        settings = _settings(kafka, kafka_token_file=file)
        annotate = AgentProcess("annotate", tmp_path / "annotate.log", settings, **login)
        good = rotation.gives
        async with running(annotate):
            await annotate.wait_until_ready()
            for number, (token, sign) in enumerate(outages):
                rotation.gives = partial(lambda token: token, token)
                await until_logged(annotate, sign)
                await _publish(kafka, f"p{number}")
                rotation.gives = good
                read = await _read_all(kafka, "posts.annotated", number + 1)
                assert read == {f"p{n}".encode(): 1 for n in range(number + 1)}
            await annotate.stop()
    assert "Traceback" not in annotate.log_file.read_text()


async def _publish(kafka: SecuredKafka, post_id: str) -> None:
    """Publish a post by a client that needs no token."""
    publisher = await Publisher.connect(Cluster(kafka.brokers))
    await publisher.publish([_post(post_id)])
    await publisher.close()


def _post(post_id: str) -> Outgoing:
    post = {"id": post_id, "text": "A fire broke out in Athens on Monday."}
    return Outgoing("posts", post_id.encode(), orjson.dumps(post))


async def test_agents_wait_for_an_endpoint_and_end_if_it_refuses_them(tmp_path: Path) -> None:
    """An endpoint that is away or failing is waited for; one that refuses the client ends the program with one line."""
    async with _kafka(tmp_path) as kafka, fake_endpoint(status=503) as endpoint:
        login = {
            "kafka_sasl_mechanism": "OAUTHBEARER",
            "kafka_token_client_id": "tocsin",
            "kafka_token_client_secret": "hunter2",
            "log_level": "debug",
        }
        settings = Settings(**client_settings(kafka, "SASL_PLAINTEXT"))
        alone = AgentProcess(
            "annotate",
            tmp_path / "alone.log",
            settings,
            kafka_token_url=f"http://127.0.0.1:{find_free_port()}/token",
            **login,
        )
        busy = AgentProcess(
            "annotate", tmp_path / "busy.log", settings, kafka_token_url=endpoint.url, **login
        )
        async with running(alone):
            await until_logged(alone, "/token' cannot be reached")
            await alone.stop()
        async with running(busy):
            await until_logged(busy, "/token' answers 503; trying again")
            endpoint.status = 200
            await busy.wait_until_ready()
            await busy.stop()
        endpoint.status, endpoint.answer = 401, b'{"error": "invalid_client", "error_description": "hunter2"}'
        async with running(busy):
            assert await asyncio.wait_for(busy.process.wait(), 60) == 1
        log = alone.log_file.read_text() + busy.log_file.read_text()
        assert busy.log_file.read_text().splitlines()[-1] == (
            f"tocsin: TOCSIN_KAFKA_TOKEN_URL='{endpoint.url}' answers 401 (invalid_client): check "
            "TOCSIN_KAFKA_TOKEN_CLIENT_ID and TOCSIN_KAFKA_TOKEN_CLIENT_SECRET"
        )
    assert "hunter2" not in log
    assert endpoint.issued
    assert not [token for token in endpoint.issued if token in log]
    assert "Traceback" not in log


async def test_a_refused_program_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command reports an expired token in one line, with status 1. One that waits for a token ends on a signal."""
    monkeypatch.chdir(tmp_path)
    file, posts = tmp_path / "token", tmp_path / "posts.jsonl"
    token = unsigned_token(lifetime_seconds=-600)
    file.write_text(token)
    posts.write_bytes(orjson.dumps({"id": "p1", "text": "x"}))
    async with _kafka(tmp_path) as kafka:
        login = client_settings(kafka, "SASL_PLAINTEXT", kafka_sasl_mechanism="OAUTHBEARER")
        for command in (("watch",), ("produce", str(posts)), ("dead", "list")):
            status, output, errors = await run_tocsin(*command, **login, kafka_token_file=file)
            own_lines = [line for line in errors.splitlines() if line.startswith("tocsin: ")]
            assert status == 1, errors
            assert len(own_lines) == 1, errors
            assert "refuses our token ({" in own_lines[0]
            assert "Traceback" not in errors
            assert token not in errors + output
        waiting = AgentProcess(
            "annotate",
            tmp_path / "log",
            Settings(brokers=login["brokers"]),
            kafka_sasl_mechanism="OAUTHBEARER",
            kafka_token_command=f"sh -c 'touch {tmp_path}/asked; sleep 1000'",
        )
        async with running(waiting):
            await until((tmp_path / "asked").exists)
            assert await waiting.stop() < 15


async def test_a_refused_token_is_not_kept(tmp_path: Path) -> None:
    """After a refusal the provider is asked again, although the refused token has not expired."""
    bad = orjson.dumps({"access_token": unsigned_token(None), "expires_in": 3600})
    async with _kafka(tmp_path) as kafka, fake_endpoint(answer=bad) as endpoint:
        settings = _settings(
            kafka,
            kafka_token_url=endpoint.url,
            kafka_token_client_id="tocsin",
            kafka_token_client_secret="hunter2",
        )
        with pytest.raises(KafkaAccessError, match="refuses our token"):
            await publish_and_read(settings)
        endpoint.answer = None
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await publish_and_read(settings) == b"v"
                    break
                except KafkaAccessError:
                    await asyncio.sleep(0.1)
        num_asked = len(endpoint.asked)
        assert await publish_and_read(settings) == b"v"
        assert len(endpoint.asked) == num_asked


async def test_the_ledger_waits_for_a_token_that_is_accepted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent whose token Kafka refuses at a rebalance goes on with another token; a missing ACL ends it."""
    file = tmp_path / "token"
    async with _kafka(tmp_path) as kafka:
        ledger = build_ledger(_settings(kafka, kafka_token_file=file), Progress(Metrics("annotate")))
        file.write_text(unsigned_token(lifetime_seconds=-600))
        catching_up = asyncio.create_task(ledger.catch_up(["a"]))
        await until(lambda: "refuses our token" in caplog.text or catching_up.done())
        assert not catching_up.done()
        file.write_text(unsigned_token())
        await asyncio.wait_for(catching_up, 60)
        ledger.on_rebalance()
        file.write_text(unsigned_token("stranger"))
        with pytest.raises(KafkaAccessError, match="lacks an ACL: "):
            await asyncio.wait_for(ledger.catch_up(["a"]), 60)


async def test_the_user_of_a_connection_string_is_accepted(tmp_path: Path) -> None:
    """Azure Event Hubs calls this user `$ConnectionString`, and no layer reads that as a variable."""
    user = "$ConnectionString"
    kafka = SecuredKafka(kafka_or_skip(), tmp_path, [user])
    async with started(kafka):
        await ensure_topics(Settings(brokers=kafka.brokers, topic_partitions=1))
        await kafka.allow(user, *ALL_RIGHTS)
        environ = {
            "TOCSIN_BROKERS": kafka.address("SASL_PLAINTEXT"),
            "TOCSIN_KAFKA_SASL_MECHANISM": "PLAIN",
            "TOCSIN_KAFKA_USERNAME": user,
            "TOCSIN_KAFKA_PASSWORD": PASSWORD,
        }
        assert await publish_and_read(load_settings(environ=environ)) == b"v"


async def test_sessions_that_end_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """If Kafka ends each connection after a second or two, agents and producers go on with fresh tokens; no log
    holds one of them."""
    file = tmp_path / "token"
    async with (
        _kafka(tmp_path, connections__max__reauth__ms=2000) as kafka,
        FakeLlm(answering("Fire: Athens")) as llm,
        _rotating(file) as rotation,
    ):
        settings = _settings(kafka, kafka_token_file=file)
        given = {"kafka_sasl_mechanism": "OAUTHBEARER", "kafka_token_file": file, "log_level": "debug"}
        annotate = AgentProcess("annotate", tmp_path / "annotate.log", settings, **given)
        alert = AgentProcess("alert", tmp_path / "alert.log", settings, llm_url=llm.url, **given)
        async with running(annotate, alert):
            await annotate.wait_until_ready()
            await alert.wait_until_ready()
            publisher = await Publisher.connect(Cluster.of(settings))
            before = [_num_logins(agent) for agent in (annotate, alert)]
            num = 0
            async with asyncio.timeout(120):
                while min(_num_logins(a) - b for a, b in zip((annotate, alert), before, strict=True)) < 20:
                    await publisher.publish([_post(f"p{num}")])
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
    assert not [token for token in rotation.written if token in logs]
    assert "Traceback" not in logs
