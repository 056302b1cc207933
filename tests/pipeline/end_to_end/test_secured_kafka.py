"""Passwords, certificates and ACLs of a real Apache Kafka: right ones work, and wrong ones are reported at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.errors import BrokerUnavailableError, KafkaAccessError
from pipeline.kafka.acls import Needs, check_acls
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.topics import ensure_topics
from pipeline.settings import Settings
from tests.pipeline.kafka.brokers import kafka_or_skip, started
from tests.pipeline.kafka.secured_kafka import (
    ALL_RIGHTS,
    DESCRIBE,
    PASSWORD,
    TOPIC,
    TOPICS,
    WRITE,
    SecuredKafka,
    client_settings,
    make_certificate,
    publish_and_read,
    run_tocsin,
    start_tocsin,
)
from tests.pipeline.llm.fake_llm import FakeLlm, answering

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LOGIN: dict[str, Any] = {
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_username": "tocsin",
    "kafka_password": PASSWORD,
}
_PROMPT_SECONDS = 20


@asynccontextmanager
async def _secured(folder: Path, *users: str) -> AsyncIterator[SecuredKafka]:
    """Give a running broker with all topics."""
    kafka = SecuredKafka(kafka_or_skip(), folder, users)
    async with started(kafka):
        await ensure_topics(Settings(brokers=kafka.brokers, topic_partitions=1))
        yield kafka


async def test_every_login_works(tmp_path: Path) -> None:
    """Our own clients log in with each mechanism, with and without TLS, and with a certificate for a password."""
    async with _secured(tmp_path, "tocsin") as kafka:
        await kafka.allow("tocsin", *ALL_RIGHTS)
        await kafka.allow("CN=agent", *ALL_RIGHTS)
        for mechanism in _MECHANISMS:
            for listener in ("SASL_SSL", "SASL_PLAINTEXT"):
                login = _LOGIN | {"kafka_sasl_mechanism": mechanism}
                assert await publish_and_read(Settings(**client_settings(kafka, listener, **login))) == b"v"
        assert await publish_and_read(Settings(**client_settings(kafka, "SSL"))) == b"v"


async def test_every_refused_login_is_reported_at_once_with_its_cause(tmp_path: Path) -> None:
    """For a wrong password, user, mechanism, certificate, name or protocol the error names the setting to look at."""
    async with _secured(tmp_path, "tocsin") as kafka:
        secured = kafka.address("SASL_SSL")
        trusted: dict[str, Any] = {"kafka_tls": True, "kafka_ca_file": kafka.ca_file}
        stranger = make_certificate(tmp_path / "stranger.pem", "stranger").file
        by_name = secured.replace("127.0.0.1", "localhost")
        own_certificate = {"brokers": kafka.address("SSL"), **trusted}
        cases: list[tuple[dict[str, Any], type[Exception], str]] = [
            *(
                (
                    {**trusted, **_LOGIN, "kafka_sasl_mechanism": mechanism, "kafka_password": "hunter2"},
                    KafkaAccessError,
                    rf"{secured} refuses user 'tocsin' \({mechanism}\).* TOCSIN_KAFKA_PASSWORD",
                )
                for mechanism in _MECHANISMS
            ),
            ({**trusted, **_LOGIN, "kafka_username": "x"}, KafkaAccessError, "refuses user 'x'"),
            ({**_LOGIN, "kafka_tls": True}, KafkaAccessError, "not trusted.* TOCSIN_KAFKA_CA_FILE"),
            ({**trusted, **_LOGIN, "brokers": by_name}, KafkaAccessError, "not valid for 'localhost'"),
            (own_certificate, KafkaAccessError, "refuses us .*TOCSIN_KAFKA_CERTIFICATE_FILE"),
            (
                {**own_certificate, "kafka_certificate_file": stranger},
                KafkaAccessError,
                "refuses us .*TOCSIN_KAFKA_CERTIFICATE_FILE",
            ),
            ({**_LOGIN, "brokers": kafka.brokers}, KafkaAccessError, "does not take SCRAM-SHA-512"),
            # These look like a broker that is being restarted, so they are waited for, with a hint.
            ({}, BrokerUnavailableError, "TOCSIN_KAFKA_TLS, TOCSIN_KAFKA_SASL_MECHANISM; now PLAINTEXT"),
            (trusted, BrokerUnavailableError, "TOCSIN_KAFKA_SASL_MECHANISM; now SSL"),
            ({"brokers": kafka.brokers, "kafka_tls": True}, BrokerUnavailableError, "now SSL"),
        ]
        for settings, error, message in cases:
            began = time.monotonic()
            with pytest.raises(error, match=message) as caught:
                await publish_and_read(Settings(**{"brokers": secured, **settings}))
            assert time.monotonic() - began < _PROMPT_SECONDS
            assert "hunter2" not in str(caught.value)


async def test_a_missing_acl_is_named(tmp_path: Path) -> None:
    """A client that may not create, write or read a topic, or join a group, names the ACL before any work begins."""
    async with _secured(tmp_path, "nobody", "writer") as kafka:
        await kafka.allow("writer", (TOPIC, "posts", WRITE), *((TOPIC, topic, DESCRIBE) for topic in TOPICS))
        nobody = Settings(**client_settings(kafka, "SASL_SSL", **_LOGIN | {"kafka_username": "nobody"}))
        writer = Settings(**client_settings(kafka, "SASL_SSL", **_LOGIN | {"kafka_username": "writer"}))
        with pytest.raises(KafkaAccessError, match=r"sees no topic '.*' and may not create it"):
            await ensure_topics(nobody)
        with pytest.raises(KafkaAccessError, match=r"user 'nobody' at .* lacks an ACL: Write"):
            await Publisher.connect(Cluster.of(nobody))
        with pytest.raises(KafkaAccessError, match="lacks an ACL: Write on topic 'alerts'"):
            await publish_and_read(writer, "alerts")
        with pytest.raises(KafkaAccessError, match="lacks an ACL: Read on topic 'posts'"):
            await publish_and_read(writer, "posts")
        needs = Needs(["posts"], "tocsin-annotate", ["posts", "posts.annotated"])
        with pytest.raises(KafkaAccessError) as caught:
            await _until_known(writer, needs)
        assert str(caught.value).partition(": ")[2].split("; ") == [
            "Read on topic 'posts'",
            "Write on topic 'posts.annotated'",
            "Read on consumer group 'tocsin-annotate'",
        ]


async def _until_known(settings: Settings, needs: Needs) -> None:
    """Ask until the fresh broker has a coordinator for groups."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await check_acls(Cluster.of(settings), needs)
            except BrokerUnavailableError:
                await asyncio.sleep(0.2)


@asynccontextmanager
async def _agent(role: str, logs: list[str], **settings: object) -> AsyncIterator[None]:
    """Run an agent as long as the context, then stop it; its log goes to `logs`."""
    agent = await start_tocsin(role, metrics_port=0, log_level="debug", **settings)
    try:
        yield
    finally:
        if agent.returncode is None:
            agent.terminate()
        _, errors = await agent.communicate()
        logs.append(errors.decode())


async def test_a_post_becomes_an_alert_under_tls_and_a_password(tmp_path: Path) -> None:
    """`produce`, both agents and `watch` work on a broker that needs a login; no log holds the password."""
    password_file, posts = tmp_path / "password", tmp_path / "posts.jsonl"
    password_file.write_text(PASSWORD + "\n")
    posts.write_bytes(orjson.dumps({"id": "p1", "text": "A fire broke out in Athens on Monday."}))
    logs: list[str] = []
    async with _secured(tmp_path, "tocsin") as kafka, FakeLlm(answering("Fire: Athens")) as llm:
        await kafka.allow("tocsin", *ALL_RIGHTS)
        settings = client_settings(kafka, "SASL_SSL", **_LOGIN, kafka_password_file=password_file)
        # The login reaches the test's broker unencrypted. The log is checked at its most talkative level.
        settings |= {"kafka_sasl_mechanism": "PLAIN"}
        del settings["kafka_password"]
        status, _, errors = await run_tocsin("produce", str(posts), **settings)
        assert status == 0, errors
        async with (
            _agent("annotate", logs, **settings),
            _agent("alert", logs, llm_url=llm.url, **settings),
        ):
            status, output, errors = await run_tocsin(
                "watch", "--json", "--from-beginning", "--max", "1", **settings
            )
        logs.append(errors)
    assert status == 0, "\n".join(logs)
    assert orjson.loads(output)["alert"] == "Fire: Athens"
    assert PASSWORD not in "".join(logs)
    assert "Traceback" not in "".join(logs)


@pytest.mark.parametrize("command", [("alert",), ("watch",), ("produce", "posts.jsonl")])
async def test_a_refused_program_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """A wrong password, a stranger's certificate and a missing ACL each give status 1 promptly, with no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "posts.jsonl").write_bytes(orjson.dumps({"id": "p1", "text": "x"}))
    async with _secured(tmp_path, "nobody") as kafka, FakeLlm(answering("Fire: Athens")) as llm:
        await kafka.allow("nobody", *((TOPIC, topic, DESCRIBE) for topic in TOPICS))
        common = {"llm_url": llm.url, "metrics_port": 0}
        login = _LOGIN | {"kafka_username": "nobody"}
        good = client_settings(kafka, "SASL_SSL", **login, **common)
        cases: list[tuple[dict[str, Any], str]] = [
            ({"kafka_password": "hunter2"}, "refuses user 'nobody' (SCRAM-SHA-512)"),
            ({"kafka_ca_file": make_certificate(tmp_path / "x.pem", "x").file}, "is not trusted"),
            ({}, "'nobody' "),
        ]
        for wrong, message in cases:
            began = time.monotonic()
            status, output, errors = await run_tocsin(*command, **good | wrong)
            own_lines = [line for line in errors.splitlines() if line.startswith("tocsin: ")]
            assert status == 1, errors
            assert len(own_lines) == 1, errors
            assert message in own_lines[0]
            assert wrong or "lacks" in own_lines[0]
            assert "Traceback" not in errors
            assert not {"hunter2", PASSWORD} & set(errors.split())
            assert output == ""
            assert time.monotonic() - began < 2 * _PROMPT_SECONDS
