"""Unsigned tokens, which Kafka's validator for development accepts; and a FAKE OIDC endpoint."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


def unsigned_token(
    subject: str | None = "tocsin", *, lifetime_seconds: float = 300.0, **claims: object
) -> str:
    """Return a JWT with the algorithm "none"; a negative lifetime makes one that has expired."""
    now = time.time()
    all_claims = {"iat": min(now, now + lifetime_seconds - 60), "exp": now + lifetime_seconds, **claims}
    if subject is not None:
        all_claims["sub"] = subject
    return f"{_encode({'alg': 'none'})}.{_encode(all_claims)}."


def _encode(part: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")


@dataclass
class FakeEndpoint:
    """A FAKE token endpoint on a real HTTP server: it answers what a test sets, and keeps the requests."""

    url: str = ""
    status: int = 200
    answer: bytes | None = None  # none: a token that the broker takes
    lifetime_seconds: float = 300.0
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # Authorization, form
    issued: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer."""
        self.asked.append((request.headers.get("Authorization", ""), dict(await request.post())))
        body = self.answer
        if body is None:
            token = unsigned_token(lifetime_seconds=self.lifetime_seconds)
            self.issued.append(token)
            body = orjson.dumps(
                {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_seconds}
            )
        return web.Response(
            status=self.status, body=body, content_type="application/json", headers=self.headers
        )


@asynccontextmanager
async def fake_endpoint(tls: Any = None, **behaviour: Any) -> AsyncIterator[FakeEndpoint]:
    """Give an endpoint that answers as long as the context."""
    endpoint = FakeEndpoint(**behaviour)
    app = web.Application()
    app.router.add_post("/token", endpoint.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        endpoint.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/token"
        yield endpoint
    finally:
        await runner.cleanup()
