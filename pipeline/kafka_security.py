"""How our Kafka clients prove who they are, and whom they speak to: SASL and TLS, as aiokafka takes them.

One value for every client of the program: `kafka_security(settings)`.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.settings import PREFIX, Settings

logger = logging.getLogger(__name__)

# A password file is one line; more is another file, named by mistake.
_MAX_PASSWORD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Who a client is, and whether its connections are encrypted.

    Args:
        mechanism: of SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; none: nobody asks for a password.
        tls: what the broker's certificate is checked with, and our own; none: nothing is encrypted.
    """

    mechanism: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    tls: ssl.SSLContext | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name for the combination."""
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def user(self) -> str:
        """Who we are, in words."""
        if self.mechanism:
            return f"user {self.username!r}"
        return "the user of our certificate" if self.tls else "a client without a password"

    def client_options(self) -> dict[str, Any]:
        """Return the keyword arguments for a client of aiokafka."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.mechanism and self.password is not None:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password.get_secret_value(),
            }
        return options


NO_SECURITY = KafkaSecurity()


# Remembered: files are read and the warning is given once, however many clients there are.
@lru_cache(maxsize=8)
def kafka_security(settings: Settings) -> KafkaSecurity:
    """Return the security that these settings ask for.

    Raises:
        SettingsError: a file cannot be read, or does not hold what it should.
    """
    mechanism = settings.kafka_sasl_mechanism
    tls = _tls(settings) if settings.kafka_tls else None
    password = _password(settings) if mechanism else None
    if mechanism and not tls:
        exposed = (
            "the password and everything else" if mechanism == "PLAIN" else "everything but the password"
        )
        logger.warning("%s without TLS: %s can be read on the way to Kafka", mechanism, exposed)
    return KafkaSecurity(mechanism, settings.kafka_username, password, tls)


def _password(settings: Settings) -> SecretStr:
    if settings.kafka_password is not None:
        return settings.kafka_password
    file = settings.kafka_password_file
    assert file is not None, "Settings has seen to it"
    content = _read(file, "kafka_password_file")
    try:
        # Editors end a file with a line feed, and `kubectl create secret` does not.
        password = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        password = ""
    if not password or len(content) > _MAX_PASSWORD_BYTES or not password.isprintable():
        raise _mistake("kafka_password_file", file, "expected the password and nothing else, on one line")
    return SecretStr(password)


def _tls(settings: Settings) -> ssl.SSLContext:
    ca_file = settings.kafka_ca_file
    context = ssl.create_default_context()
    if ca_file is not None:
        # Named, it is the only authority: the machine's own are for the web.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=_read(ca_file, "kafka_ca_file").decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise _mistake("kafka_ca_file", ca_file, "expected certificates in PEM form") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.kafka_verify_hostname
    if settings.kafka_certificate_file is not None:
        _add_own_certificate(context, settings.kafka_certificate_file, settings.kafka_key_file)
    return context


def _add_own_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    _read(certificate, "kafka_certificate_file")
    if key is not None:
        _read(key, "kafka_key_file")
    try:
        # Without the callback OpenSSL would ask for an encrypted key's password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise _mistake(
            "kafka_certificate_file",
            certificate,
            f"expected a certificate in PEM form with its key, not encrypted, in {key or 'the same file'}",
        ) from error


def _read(file: Path, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _mistake(name, file, f"cannot be read: {error.strerror}") from error


def _mistake(name: str, file: Path, problem: str) -> SettingsError:
    return SettingsError([f"{PREFIX}{name.upper()}={str(file)!r}: {problem}"])
