"""The settings of `tocsin source`: where posts come from, and which of them are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from pipeline.settings.checks import Brokers, Languages, PostFormatName, wrong

_MAX_WORDS = 400
_MAX_WORD = 100


def _check_words(text: str) -> str:
    """Return the list without blanks around its entries."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if len(words) > _MAX_WORDS or not all(1 <= len(word) <= _MAX_WORD for word in words):
        raise wrong(f"expected WORD[,WORD...], at most {_MAX_WORDS} of 1 to {_MAX_WORD} characters")
    return ",".join(words)


def _check_addresses(text: str) -> str:
    """Return the list without blanks around its entries."""
    addresses = [address.strip() for address in text.split(",")]
    # Addresses are logged and shown, so they must not hold a password.
    if any("@" in urlsplit(address).netloc for address in addresses):
        raise wrong(
            "expected no user and no password in an address; a token goes into TOCSIN_SOURCE_TOKEN_FILE"
        )
    schemes = ("https://", "http://", "wss://", "ws://")
    if not all(address.startswith(schemes) and address.isprintable() for address in addresses):
        raise wrong("expected https://HOST[:PORT]/PATH or wss://..., several by commas")
    return ",".join(addresses)


Words = Annotated[str, AfterValidator(_check_words)]
Addresses = Annotated[str, AfterValidator(_check_addresses)]


class SourceSettings(BaseModel):
    """Settings of `tocsin source` alone."""

    source_url: Addresses | None = Field(
        None,
        description="address of the source; several by commas: the next is tried if one fails; unset: the public one",
    )
    source_token_file: Path | None = Field(
        None, description="file that holds the token for the source, read for each connection"
    )
    source_languages: Languages = Field(
        "all",
        description="languages of posts to take (ISO 639-1 codes, by commas), or all; without one, a post is taken",
    )
    source_words: Words | None = Field(
        None, description="posts to take: those with one of these words, by commas; unset: all"
    )
    source_stream: str | None = Field(
        None,
        min_length=1,
        description="which stream of a Mastodon instance: public, public:local, hashtag:NAME, ...",
    )
    source_rules_file: Path | None = Field(
        None,
        description="file of rules for the filtered stream of X, one a line, instead of words and languages",
    )
    source_backfill_minutes: int = Field(
        0,
        ge=0,
        le=5,
        description="minutes that X sends again after an outage, if the token's access level has that; 0: none",
    )
    source_feeds_file: Path | None = Field(
        None, description="file of the addresses of feeds, one a line, instead of TOCSIN_SOURCE_URL"
    )
    source_poll_seconds: float = Field(
        120.0, ge=1, le=86_400, description="time between two looks at a feed that does not name a longer one"
    )
    source_brokers: Brokers | None = Field(
        None,
        description="Kafka from which `tocsin source kafka` reads; unset: the brokers to which it writes",
    )
    source_config: Path | None = Field(
        None, description="TOML file with the login (`kafka_*`) at TOCSIN_SOURCE_BROKERS; unset: no login"
    )
    source_topic: str | None = Field(None, min_length=1, description="topic that `tocsin source kafka` reads")
    source_group: str = Field(
        "tocsin-source", min_length=1, description="consumer group of `tocsin source kafka`"
    )
    source_format: PostFormatName = Field(
        "auto", description="format of the records that `tocsin source kafka` reads, as TOCSIN_POST_FORMAT"
    )
