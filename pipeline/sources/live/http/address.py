"""The address of the one server that a source reads."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipeline.errors import SettingsError
from pipeline.settings.checks import variable_of


def server_address(text: str | None, what: str) -> str:
    """Return the address of a server from TOCSIN_SOURCE_URL, without a slash at the end.

    Args:
        what: what is expected, for the error.

    Raises:
        SettingsError: it is no address, or has more than a host and a port: a query may hold a token, which must not be
            logged, and a path would be asked for under another one.
    """
    try:
        parts = urlsplit((text or "").rstrip("/"))
        is_server = parts.scheme in ("https", "http") and parts.hostname and (parts.port or 1)
    except ValueError:  # a port that is none
        is_server = False
    if not is_server or parts.path or parts.query or parts.fragment or "," in parts.netloc:
        raise SettingsError([f"{variable_of('source_url')}: expected {what}: https://HOST[:PORT]"])
    return parts.geturl()
