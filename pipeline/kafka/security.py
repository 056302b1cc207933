"""The login and TLS of our Kafka clients, as aiokafka takes them.

Every client of the program has the same value: `kafka_security(settings)`.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pipeline.kafka.tokens.provider import TokenProvider, note_token_verdicts
from pipeline.kafka.tokens.sources import token_provider
from pipeline.settings import Settings
from pipeline.settings.secret_files import authorities, mistake, read_file, read_secret

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """The login of a client, and whether its connections are encrypted.

    Args:
        mechanism: SASL mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; None: no login.
        tls: checks the broker's certificate, and may hold our own; None: nothing is encrypted.
        tokens: gives OAUTHBEARER its tokens, instead of a user name and a password.
    """

    mechanism: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    tls: ssl.SSLContext | None = None
    tokens: TokenProvider | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name for the combination."""
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def user(self) -> str:
        """Our user, in words."""
        if self.tokens is not None:
            subject = self.tokens.last.subject if self.tokens.last else None
            return f"the bearer of our token{f' (subject {subject!r})' if subject else ''}"
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
        if self.tokens is not None:
            options |= {"sasl_mechanism": self.mechanism, "sasl_oauth_token_provider": self.tokens}
        return options


NO_SECURITY = KafkaSecurity()


# Cached: files are read and the warning is logged once, however many clients there are.
@lru_cache(maxsize=8)
def kafka_security(settings: Settings) -> KafkaSecurity:
    """Return the login and TLS that these settings ask for.

    Raises:
        SettingsError: a file cannot be read, or does not hold what it should.
    """
    mechanism = settings.kafka_sasl_mechanism
    tls = _tls(settings) if settings.kafka_tls else None
    _warn_of_plain_text(settings)
    if mechanism == "OAUTHBEARER":
        note_token_verdicts()
        return KafkaSecurity(mechanism, tls=tls, tokens=token_provider(settings))
    password = _password(settings) if mechanism else None
    return KafkaSecurity(mechanism, settings.kafka_username, password, tls)


def _warn_of_plain_text(settings: Settings) -> None:
    mechanism = settings.kafka_sasl_mechanism
    if mechanism and not settings.kafka_tls:
        exposed = {
            "PLAIN": "the password and everything else",
            "OAUTHBEARER": "the token and everything else",
        }
        what = exposed.get(mechanism, "everything but the password")
        logger.warning("%s without TLS: %s can be read on the way to Kafka", mechanism, what)
    url = settings.kafka_token_url
    if url and url.startswith("http:"):
        logger.warning(
            "TOCSIN_KAFKA_TOKEN_URL=%r without TLS: our secret and the token can be read on the way", url
        )


def _password(settings: Settings) -> SecretStr:
    if settings.kafka_password is not None:
        return settings.kafka_password
    assert settings.kafka_password_file is not None, "Settings checks this"
    return read_secret(settings.kafka_password_file, "kafka_password_file", what="the password")


def _tls(settings: Settings) -> ssl.SSLContext:
    context = authorities(settings.kafka_ca_file, "kafka_ca_file")
    context.check_hostname = settings.kafka_verify_hostname
    if settings.kafka_certificate_file is not None:
        _add_own_certificate(context, settings.kafka_certificate_file, settings.kafka_key_file)
    return context


def _add_own_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    read_file(certificate, "kafka_certificate_file")
    if key is not None:
        read_file(key, "kafka_key_file")
    try:
        # Without the callback OpenSSL would ask for an encrypted key's password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise mistake(
            "kafka_certificate_file",
            certificate,
            f"expected a certificate in PEM form with its key, not encrypted, in {key or 'the same file'}",
        ) from error
