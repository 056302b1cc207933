"""Which feeds the settings name."""

from __future__ import annotations

import re

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.settings.checks import variable_of
from pipeline.settings.secret_files import mistake, read_file

MAX_FEEDS = 5_000
_ADDRESS = re.compile(r"https?://[^\s/@]+(?:/\S*)?")


def feed_addresses(settings: Settings) -> list[str]:
    """Return the addresses, each once, in their order.

    Raises:
        SettingsError: there is none, too many, or something that is no address.
    """
    if settings.source_feeds_file is None:
        addresses = [address for address in (settings.source_url or "").split(",") if address]
    else:
        content = read_file(settings.source_feeds_file, "source_feeds_file").decode("utf-8-sig", "replace")
        lines = (line.strip() for line in content.splitlines())
        addresses = [line for line in lines if line and not line.startswith("#")]
    addresses = list(dict.fromkeys(addresses))
    if problem := _problem(addresses):
        if settings.source_feeds_file is not None:
            raise mistake("source_feeds_file", settings.source_feeds_file, problem)
        raise SettingsError([f"{variable_of('source_url')}: {problem}, or TOCSIN_SOURCE_FEEDS_FILE"])
    return addresses


def _problem(addresses: list[str]) -> str | None:
    if not addresses:
        return "expected the addresses of feeds"
    if len(addresses) > MAX_FEEDS:
        return f"{len(addresses)} feeds, expected at most {MAX_FEEDS}"
    bad = next((address for address in addresses if not _ADDRESS.fullmatch(address)), None)
    return bad and f"expected https://HOST/PATH without a user, and not {bad!r}"
