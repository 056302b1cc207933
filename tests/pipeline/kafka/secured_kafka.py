"""Apache Kafka with passwords, certificates and ACLs, for tests of how clients log in."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.kafka.cluster import Cluster
from pipeline.kafka.publisher import Publisher
from pipeline.kafka.reading.follow import follow
from pipeline.kafka.topics import ensure_topics
from pipeline.local.apache_kafka import ApacheKafka
from pipeline.local.kafka_jars import KafkaProgram
from pipeline.local.process import find_free_port
from pipeline.messages.record import Outgoing
from pipeline.settings import PREFIX, Settings

PASSWORD = "open Sesame"
# Kafka's codes.
TOPIC, GROUP, CLUSTER = 2, 3, 4
READ, WRITE, CREATE, DESCRIBE = 3, 4, 5, 8
_LITERAL, _ALLOW = 3, 3
_DAY = datetime.timedelta(days=1)

Acl = tuple[int, str, int]  # kind of resource, its name, operation

TOPICS = ("posts", "posts.annotated", "alerts", "alerts.abstained", "posts.dead")
# The ACLs that deploy/README.md lists for one user who does everything.
ALL_RIGHTS: list[Acl] = [
    *((TOPIC, topic, operation) for topic in TOPICS for operation in (READ, WRITE)),
    (GROUP, "tocsin-annotate", READ),
    (GROUP, "tocsin-alert", READ),
]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, both also in one PEM file."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    file: Path


def make_certificate(
    file: Path, name: str, *, signer: Certificate | None = None, key_password: bytes | None = None
) -> Certificate:
    """Write a certificate for 127.0.0.1 that `signer` signs; without a signer, one that may sign others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
    )
    certificate = builder.sign(signer.key if signer else key, hashes.SHA256())
    encryption = (
        serialization.BestAvailableEncryption(key_password) if key_password else serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    key_text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption)
    file.write_bytes(key_text + certificate.public_bytes(pem))
    return Certificate(certificate, key, file)


def write_authority(file: Path, authority: Certificate) -> Path:
    """Write the authority's certificate without its key, as clients get it."""
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    return file


class SecuredKafka(ApacheKafka):
    """One node whose plain listener belongs to its administrator, and three more that ask who is there.

    Args:
        users: names of users, all with the same password, for both SCRAM mechanisms and PLAIN.
        further: properties of the broker. Of OAUTHBEARER it takes tokens without a signature: Kafka's validator for
            development, which looks at the times and the subject.
    """

    def __init__(
        self, program: KafkaProgram, folder: Path, users: Sequence[str], further: Mapping[str, object] = {}
    ) -> None:
        self.ports = {name: find_free_port() for name in ("PLAINTEXT", "SASL_SSL", "SASL_PLAINTEXT", "SSL")}
        super().__init__(program, folder, [self.ports["PLAINTEXT"]])
        self._users = users
        self._further = further
        self._secrets = folder
        authority = make_certificate(folder / "ca-with-key.pem", "Test authority")
        self.ca_file = write_authority(folder / "ca.pem", authority)
        self.client_file = make_certificate(folder / "client.pem", "agent", signer=authority).file
        self._server_file = make_certificate(folder / "server.pem", "broker", signer=authority).file

    def address(self, listener: str) -> str:
        """Return the bootstrap address of one of the listeners."""
        return f"127.0.0.1:{self.ports[listener]}"

    async def allow(self, user: str, *acls: Acl) -> None:
        """Add these ACLs."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.brokers)
        await admin.start()
        try:
            for kind, name, operation in acls:
                request = CreateAclsRequest(
                    resource_type=kind,
                    resource_name=name,
                    resource_pattern_type_filter=_LITERAL,
                    principal=f"User:{user}",
                    host="*",
                    operation=operation,
                    permission_type=_ALLOW,
                )
                response = await admin._send_request(request)
                results = response.to_object()["creation_responses"]
                assert [result["error_code"] for result in results] == [0]
        finally:
            await admin.close()

    def _format_options(self) -> list[str]:
        return [
            word
            for user in self._users
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for word in ("--add-scram", f'{mechanism}=[name={user},password="{PASSWORD}"]')
        ]

    def _properties(self, number: int) -> dict[str, object]:
        plain = super()._properties(number)
        further = ",".join(
            f"{name}://127.0.0.1:{port}" for name, port in self.ports.items() if name != "PLAINTEXT"
        )
        names = "".join(f",{name}:{name}" for name in self.ports if name != "PLAINTEXT")
        return plain | {
            "listeners": f"{plain['listeners']},{further}",
            "advertised.listeners": f"{plain['advertised.listeners']},{further}",
            "listener.security.protocol.map": f"{plain['listener.security.protocol.map']}{names}",
            "inter.broker.listener.name": "PLAINTEXT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._server_file,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca_file,
            "listener.name.ssl.ssl.client.auth": "required",
            **self._logins(),
            **self._further,
        }

    def _logins(self) -> dict[str, object]:
        passwords = " ".join(f'user_{user}="{PASSWORD}"' for user in self._users)
        modules = {"plain": f"org.apache.kafka.common.security.plain.PlainLoginModule required {passwords};"}
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        oauth = (
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            'unsecuredLoginStringClaim_sub="broker";'
        )
        modules |= {"scram-sha-256": scram, "scram-sha-512": scram, "oauthbearer": oauth}
        return {
            f"listener.name.{listener}.{mechanism}.sasl.jaas.config": module
            for listener in ("sasl_ssl", "sasl_plaintext")
            for mechanism, module in modules.items()
        }


def client_settings(kafka: SecuredKafka, listener: str, **settings: Any) -> dict[str, Any]:
    """Return the settings of a client of one of the listeners, with a certificate if it is needed."""
    common: dict[str, Any] = {"brokers": kafka.address(listener), "topic_partitions": 1}
    if listener.endswith("SSL"):
        common |= {"kafka_tls": True, "kafka_ca_file": kafka.ca_file}
    if listener == "SSL":
        common |= {"kafka_certificate_file": kafka.client_file}
    return common | settings


async def publish_and_read(settings: Settings, topic: str = "posts") -> bytes | None:
    """Publish and read with our own clients, as the program does; returns the first record of the topic."""
    cluster = Cluster.of(settings)
    await ensure_topics(settings)
    publisher = await Publisher.connect(cluster)
    try:
        await publisher.publish([Outgoing(topic, b"k", b"v")])
    finally:
        await publisher.close()
    async with follow(cluster, [topic], from_beginning=True) as records:
        return (await asyncio.wait_for(anext(records), 20)).value


async def run_tocsin(*arguments: str, **settings: object) -> tuple[int, str, str]:
    """Run the program to its end; returns the exit status, and what it wrote to both outputs."""
    process = await start_tocsin(*arguments, **settings)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 150)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def start_tocsin(*arguments: str, **settings: object) -> asyncio.subprocess.Process:
    variables = {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("tocsin"),
        *arguments,
        env=inherited | variables | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
