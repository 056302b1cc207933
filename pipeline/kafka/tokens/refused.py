"""A broker that refuses a token, heard to the end: aiokafka (0.14) takes the refusal for a success.

RFC 7628 (section 3.2.2) lets the server answer a bad token with its reason, as if the exchange went on, and fails the
exchange once the client has acknowledged that with one byte. aiokafka stops listening before, logs that it is
authenticated, and gets a cluster without brokers for its next request: nobody could tell a bad token from an outage.
"""

from __future__ import annotations

from typing import Any

from aiokafka import conn
from aiokafka.errors import SaslAuthenticationFailed

from pipeline.kafka.tokens.provider import TokenProvider

_ACKNOWLEDGE = b"\x01"
_handshake = conn.AIOKafkaConnection._do_sasl_handshake


def hear_why_tokens_are_refused() -> None:
    """Let every client of this process hear it; may be called more than once."""
    conn.OAuthAuthenticator = _PatientAuthenticator
    conn.AIOKafkaConnection._do_sasl_handshake = _handshake_with_verdict


async def _handshake_with_verdict(connection: Any) -> None:
    """Do what aiokafka does, and tell the provider whether its token was taken."""
    tokens = connection._sasl_oauth_token_provider
    try:
        await _handshake(connection)
    except SaslAuthenticationFailed:
        if isinstance(tokens, TokenProvider):
            tokens.refused()
        raise
    if isinstance(tokens, TokenProvider):
        tokens.taken()


class _PatientAuthenticator(conn.OAuthAuthenticator):  # type: ignore[misc]
    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        if self._token_sent and payload:
            return _ACKNOWLEDGE, True
        result: tuple[bytes, bool] | None = await super().step(payload)
        return result
