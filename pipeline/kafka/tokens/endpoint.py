"""A token from an OIDC endpoint, by client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import orjson
from pydantic import SecretStr

from pipeline.errors import TokenRefusedError, TokenUnavailableError
from pipeline.kafka.tokens.token import MAX_TOKEN_BYTES, Token, read_token

_MAX_SECONDS = 15.0
_MAX_ANSWER_BYTES = 2 * MAX_TOKEN_BYTES
# The server is busy or failing; the request is not at fault.
_PASSING_STATUSES = frozenset({408, 425, 429})
_HINTS = {
    "invalid_client": "TOCSIN_KAFKA_TOKEN_CLIENT_ID and TOCSIN_KAFKA_TOKEN_CLIENT_SECRET",
    "unauthorized_client": "TOCSIN_KAFKA_TOKEN_CLIENT_ID",
    "invalid_scope": "TOCSIN_KAFKA_TOKEN_SCOPE",
    401: "TOCSIN_KAFKA_TOKEN_CLIENT_ID and TOCSIN_KAFKA_TOKEN_CLIENT_SECRET",
    403: "TOCSIN_KAFKA_TOKEN_CLIENT_ID and TOCSIN_KAFKA_TOKEN_SCOPE",
}
# An error's code, never its description: that may repeat what we sent.
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Client:
    """Our account at the endpoint, and the scope that we ask for."""

    client_id: str
    secret: SecretStr
    scope: str | None = None

    @property
    def authorization(self) -> str:
        """The header. Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1)."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret.get_secret_value())}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


class TokenEndpoint:
    """Asks an endpoint for each token.

    Args:
        tls: checks its certificate.
    """

    is_kept = True

    def __init__(
        self, url: str, client: Client, tls: ssl.SSLContext, *, max_seconds: float = _MAX_SECONDS
    ) -> None:
        self.name = f"TOCSIN_KAFKA_TOKEN_URL={url!r}"
        self._url = url
        self._client = client
        self._tls = tls
        self._max_seconds = max_seconds

    async def fetch(self) -> Token:
        """Return the token that the endpoint gives us.

        Raises:
            TokenUnavailableError: it is away, busy or failing.
            TokenRefusedError: it refuses us, is not trusted, or does not answer with a token.
        """
        try:
            async with asyncio.timeout(self._max_seconds):
                status, body = await self._ask()
        except TimeoutError:
            raise TokenUnavailableError(
                f"{self.name} does not answer within {self._max_seconds:g} s"
            ) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise TokenRefusedError(
                f"{self.name}: no TLS connection ({_reason(error)}): check TOCSIN_KAFKA_TOKEN_CA_FILE"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise TokenUnavailableError(f"{self.name} cannot be reached: {_reason(error)}") from error
        return self._read(status, body)

    async def _ask(self) -> tuple[int, bytes]:
        form = {"grant_type": "client_credentials"}
        if self._client.scope:
            form["scope"] = self._client.scope
        headers = {"Authorization": self._client.authorization, "Accept": "application/json"}
        async with (
            aiohttp.ClientSession(
                trust_env=True
            ) as session,  # takes the proxy of the environment, if there is one
            # No setting allows our secret to go to the target of a redirection.
            session.post(
                self._url, data=form, headers=headers, ssl=self._tls, allow_redirects=False
            ) as response,
        ):
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MAX_ANSWER_BYTES:
                    return response.status, b""  # no part of it is read as an answer
            return response.status, body

    def _read(self, status: int, body: bytes) -> Token:
        answer = _json_object(body)
        if status >= 500 or status in _PASSING_STATUSES:
            raise TokenUnavailableError(f"{self.name} answers {status}")
        if status != 200:
            code = answer.get("error")
            code = code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
            hint = _HINTS.get(code) or _HINTS.get(status) or "TOCSIN_KAFKA_TOKEN_URL"
            raise TokenRefusedError(f"{self.name} answers {status}{code and f' ({code})'}: check {hint}")
        try:
            return _token(answer)
        except ValueError as error:
            raise TokenRefusedError(
                f"{self.name} answers something else than a token: {error}: check TOCSIN_KAFKA_TOKEN_URL"
            ) from None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {}


def _token(answer: dict[str, Any]) -> Token:
    value, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(value, str):
        raise ValueError("no access_token in JSON")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ValueError("its token_type is not Bearer")
    return read_token(value, lifetime_seconds=_lifetime(answer.get("expires_in")))


def _lifetime(value: object) -> float | None:
    """Return the seconds. Some servers write the number as text."""
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        raise ValueError("its expires_in is not a number of seconds above 0")
    return float(value)


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    return getattr(cause, "verify_message", None) or getattr(cause, "strerror", None) or type(error).__name__
