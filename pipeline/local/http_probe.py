"""Asks a part of the local stack over HTTP whether it is ready."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

_TIMEOUT_SECONDS = 2.0


async def answers_http(url: str) -> bool:
    """Return whether a GET of this loopback URL is answered with success."""
    response = await _get(url)
    return response is not None and response.status_code == 200


class AgentProbe:
    """Asks an agent's `/readyz` whether it can work; afterwards `reason` says what the agent waits for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.reason = ""

    async def __call__(self) -> bool:
        """Return whether the agent is ready."""
        response = await _get(self._url)
        # The agent serves its probes before all else: until then it loads modules.
        answer: dict[str, Any] = {"ready": False, "state": "loading", "reason": ""}
        if response is not None:
            answer = response.json()  # an agent that is not ready answers so too, with status 503
        self.reason = ": ".join(text for text in (answer["state"], answer["reason"]) if text)
        return bool(answer["ready"])


async def _get(url: str) -> httpx.Response | None:
    # A proxy is not for loopback addresses, and `http:` needs no certificates, which take long to load.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(trust_env=False, verify=context, timeout=_TIMEOUT_SECONDS) as client:
        try:
            return await client.get(url)
        except httpx.HTTPError:
            return None
