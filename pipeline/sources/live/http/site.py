"""A server that a source reads over HTTP: its token, its answers, and which of its refusals pass.

The token goes to the server that the settings name, and nowhere else: a redirect to another server is an error. No
error and no log line holds the token, or what the server says in a body, since some servers repeat the request there.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from pipeline.sources.live.http.limits import wait_seconds

_LOOPBACK = re.compile(r"https?://(localhost|127\.|\[::1\])")
_MAX_BODY_BYTES = 8_000_000
_CONNECT_SECONDS = 10.0
_MAX_REDIRECTS = 5
_UNCOMPRESSED = {"Accept-Encoding": "identity"}  # a small compressed piece may become a large one


@dataclass(frozen=True, slots=True)
class SiteNames:
    """What errors call a server, and the settings to look at.

    Attributes:
        server: "Mastodon at https://example.social".
        url_setting: the setting that names the server.
        token_setting: the setting that names the file with the token.
        access: what the token must allow.
    """

    server: str
    url_setting: str
    token_setting: str
    access: str


class Site:
    """Sends requests to one server.

    Args:
        url: without a path.
        stall_seconds: the longest time in which a stream of this server says nothing.
    """

    def __init__(
        self, url: str, names: SiteNames, *, token: SecretStr | None = None, stall_seconds: float = 40.0
    ) -> None:
        self._names = names
        headers = {"User-Agent": "tocsin", **_UNCOMPRESSED}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(stall_seconds, connect=_CONNECT_SECONDS),
            # A proxy that the environment names is not for servers on this machine.
            trust_env=not _LOOPBACK.match(url),
        )
        self._stall_seconds = stall_seconds
