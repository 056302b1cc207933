"""A broker that refuses a token, heard to the end: aiokafka (0.14) takes the refusal for a success.

RFC 7628 (section 3.2.2) lets the server answer a bad token with its reason, as if the exchange went on, and fails the
exchange once the client has acknowledged that with one byte. aiokafka stops listening before, logs that it is
authenticated, and its next request finds the connection closed: nobody could tell a bad token from an outage.
"""

from __future__ import annotations

from aiokafka import conn

_ACKNOWLEDGE = b"\x01"


def hear_why_tokens_are_refused() -> None:
    """Let every client of this process hear it; may be called more than once."""
    conn.OAuthAuthenticator = _PatientAuthenticator


class _PatientAuthenticator(conn.OAuthAuthenticator):  # type: ignore[misc]
    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        if self._token_sent and payload:
            return _ACKNOWLEDGE, True
        result: tuple[bytes, bool] | None = await super().step(payload)
        return result
