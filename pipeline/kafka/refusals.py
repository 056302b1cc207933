"""Why Kafka refuses us, in words. A refusal is not an outage, but aiokafka only logs it."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.errors import BrokerUnavailableError, KafkaAccessError, LoginRefusedError, TocsinError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.security import KafkaSecurity

# A broker that takes longer to answer is away or stuck; the client itself reports that.
_LOGIN_MILLISECONDS = 10_000

NOT_ALLOWED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)
_MAX_REASON = 200  # characters of a broker's reason to refuse a token
# OpenSSL's codes for "the certificate is for another host" and "... for another address".
_WRONG_NAME = (62, 64)


async def check_login(cluster: Cluster) -> None:
    """Log in at the bootstrap servers; return if one accepts us, or if none of them can be reached at all.

    Raises:
        LoginRefusedError: one of them refuses us: password, token, certificate or protocol.
        BrokerUnavailableError: one answers, but closes the connection; the text says what that may mean.
    """
    closed: BrokerUnavailableError | None = None
    for host, port, _ in collect_hosts(cluster.brokers, randomize=False):
        try:
            await _connect_once(host, port, cluster.security)
        # aiokafka raises a ValueError or KeyError if the broker fails to prove by SCRAM that it knows the password.
        except (OSError, KafkaError, ValueError, KeyError) as error:
            problem = _explain(error, f"{host}:{port}", cluster.security)
            if isinstance(problem, KafkaAccessError):
                raise problem from error
            closed = closed or problem
        else:
            return
    if closed is not None:
        raise closed


def not_allowed(error: KafkaError, *, client: str, action: str) -> KafkaAccessError:
    """Return the error that an ACL is missing.

    Args:
        client: the user that was refused, and the cluster.
        action: the operation, as ACLs name it ("Read", "Write", "Create").
    """
    names = {str(name) for argument in error.args for name in _flatten(argument)}
    kinds = {TopicAuthorizationFailedError: "topic", GroupAuthorizationFailedError: "consumer group"}
    kind = kinds.get(type(error), "cluster")
    what = " ".join([kind, *(repr(name) for name in sorted(names) if kind != "cluster")])
    return KafkaAccessError(f"{client} lacks an ACL: {action} on {what}")


def describe_failure(failure: BaseException) -> str:
    """Return why a stream ended, for people: the first cause. An ACL that is missing is named."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, NOT_ALLOWED):
        failure = not_allowed(failure, client="this agent", action="Read")
    return str(failure) if isinstance(failure, TocsinError) else repr(failure)


async def _connect_once(host: str, port: int, security: KafkaSecurity) -> None:
    connection = await create_conn(
        host, port, request_timeout_ms=_LOGIN_MILLISECONDS, **security.client_options()
    )
    try:
        # A listener that wants a login answers without one which versions it speaks, but no other request.
        await connection.send(MetadataRequest([]))
    finally:
        await connection.close()


def _explain(
    error: Exception, broker: str, security: KafkaSecurity
) -> KafkaAccessError | BrokerUnavailableError | None:
    """Return what the failure means; None if no broker is there."""
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    match cause:
        case KafkaAccessError() | BrokerUnavailableError():  # no token could be fetched
            return cause
        case SaslAuthenticationFailed() if security.tokens is not None:
            return LoginRefusedError(f"Kafka at {broker} refuses our token{_token_problem(cause, security)}")
        case SaslAuthenticationFailed() | AuthenticationFailedError():
            return LoginRefusedError(
                f"Kafka at {broker} refuses {security.user} ({security.mechanism}): wrong user or password: check "
                "TOCSIN_KAFKA_USERNAME and TOCSIN_KAFKA_PASSWORD or TOCSIN_KAFKA_PASSWORD_FILE"
            )
        case UnsupportedSaslMechanismError() | IllegalSaslStateError():
            return LoginRefusedError(
                f"Kafka at {broker} does not take {security.mechanism}: check TOCSIN_KAFKA_SASL_MECHANISM"
            )
        case ValueError() | KeyError() if not isinstance(cause, ssl.SSLError):
            return LoginRefusedError(
                f"the broker at {broker} does not know the password either: it is not the broker that it claims to be"
            )
        case ssl.SSLError() if not isinstance(cause, ssl.SSLEOFError):
            return LoginRefusedError(f"no TLS connection to Kafka at {broker}: {_tls_problem(cause)}")
        case KafkaError() | ConnectionResetError() | ssl.SSLEOFError():
            wants = "TLS or no TLS, or refuses our token" if security.tokens else "TLS, no TLS or a password"
            return BrokerUnavailableError(
                f"Kafka at {broker} closes the connection: unless it is just starting, it wants {wants} "
                f"(TOCSIN_KAFKA_TLS, TOCSIN_KAFKA_SASL_MECHANISM; now {security.protocol})"
            )
    return None


def _token_problem(error: KafkaError, security: KafkaSecurity) -> str:
    """Return the broker's own reason, and whose token it refuses."""
    tokens = security.tokens
    assert tokens is not None
    text = str(error.args[0] or "") if error.args else ""
    reason = "".join(character if character.isprintable() else "?" for character in text[:_MAX_REASON])
    token = f": {tokens.last.describe()}" if tokens.last else ""
    return f"{reason and f' ({reason})'}{token}: check {tokens.name}"


def _tls_problem(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            return f"{error.verify_message}: check the name in TOCSIN_BROKERS"
        return f"its certificate is not trusted ({error.verify_message}): check TOCSIN_KAFKA_CA_FILE"
    reason = (error.reason or "").lower().replace("_", " ")
    if "alert" in reason:
        return f"it refuses us ({reason}): check TOCSIN_KAFKA_CERTIFICATE_FILE and TOCSIN_KAFKA_KEY_FILE"
    return f"{reason or 'no answer in TLS'}: check the port, and TOCSIN_KAFKA_TLS"


def _flatten(argument: object) -> Iterable[object]:
    return argument if isinstance(argument, (set, frozenset, list, tuple)) else (argument,)
