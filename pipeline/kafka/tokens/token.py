"""A token for OAUTHBEARER: its form, and the claims that it holds."""

from __future__ import annotations

import base64
import binascii
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import SecretStr

# The form of bearer tokens in RFC 6750. A comma, a blank or a line feed in a token would forge other fields.
_FORM = re.compile(r"[A-Za-z0-9._~+/-]+=*")
MAX_TOKEN_BYTES = 65_536
# For a token that does not say when it expires. A connection needs a token once, so fetching again costs little.
_UNKNOWN_LIFETIME_SECONDS = 60.0
# A token is used for this share of its lifetime, so that it does not expire on its way to Kafka.
_USED_SHARE = 0.8
_LATEST = 253_402_300_799.0  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Token:
    """A token; times are Unix times in seconds."""

    value: SecretStr
    renew_at: float  # the time from which another token is fetched
    expires_at: float | None = None  # None: it does not say
    subject: str | None = None  # usually the user that ACLs name

    @property
    def is_expired(self) -> bool:
        """Whether it must no longer be used."""
        return self.expires_at is not None and self.expires_at <= time.time()

    def describe(self) -> str:
        """Return the subject and the end of the token, without the token."""
        subject = f"its subject is {self.subject!r}" if self.subject else "it names no subject"
        if self.expires_at is None:
            return f"{subject}, and it names no end"
        end = datetime.fromtimestamp(self.expires_at, UTC).isoformat(timespec="seconds")
        return f"{subject}, and it {'expired' if self.is_expired else 'expires'} at {end}"


def read_token(text: str, *, lifetime_seconds: float | None = None) -> Token:
    """Return the token in `text`. It is not verified here; the broker verifies it.

    Args:
        text: the token and at most a line feed after it.
        lifetime_seconds: from now, if the source gives it; else the claims of a JWT give it.

    Raises:
        ValueError: this is not a token; the text says why, and does not repeat it.
    """
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ValueError("it is empty")
    if len(value) > MAX_TOKEN_BYTES:
        raise ValueError(f"it is longer than {MAX_TOKEN_BYTES:,} bytes")
    if not _FORM.fullmatch(value):
        raise ValueError("it holds something else than one token on one line")
    now, claims = time.time(), _claims(value)
    expires_at = _end(claims.get("exp"))
    if lifetime_seconds is not None:
        expires_at = min(now + lifetime_seconds, _LATEST)
    left = _UNKNOWN_LIFETIME_SECONDS if expires_at is None else _USED_SHARE * (expires_at - now)
    subject = claims.get("sub")
    return Token(SecretStr(value), now + left, expires_at, subject if isinstance(subject, str) else None)


def _claims(value: str) -> dict[str, Any]:
    """Return the claims of a JWT; empty if the token is not one."""
    parts = value.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _end(claim: object) -> float | None:
    is_number = isinstance(claim, (int, float)) and not isinstance(claim, bool)
    return min(max(float(claim), 0.0), _LATEST) if is_number else None  # type: ignore[arg-type]
