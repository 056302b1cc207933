"""What a setting may be beyond a number or a word: names, addresses, topics, names of headers, devices, TLS files.

A check sees the fields before its own, so `Settings` lists fields that belong together in the order in which they are
compared. `sasl.py` holds the checks of a login to Kafka.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyHttpUrl, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

PREFIX = "TOCSIN_"
# The headers that we write ourselves begin so: on dead letters, and on records that are tried again.
OWN_HEADER_PREFIX = "tocsin-"

SelectionName = Literal["llm", "judge", "majority", "likelihood", "first"]
CandidatePromptName = Literal["candidate-v1", "writer-v1", "writer-v2"]
TemplateName = Literal["auto", "server", "chatml", "qwen3", "deepseek_r1"]
ConstraintName = Literal["auto", "none"]
PostFormatName = Literal[
    "auto", "tocsin", "x-v2", "x-v1", "jetstream", "bluesky", "mastodon", "reddit", "telegram", "rss", "atom"
]
MentionsName = Literal["organisations", "all", "none"]
LogLevel = Literal["debug", "info", "warning", "error"]

_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})")
_MAX_HEADER_NAMES = 32
_MAX_HEADER_NAME = 200
_HTTP_URL = TypeAdapter(AnyHttpUrl)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def assignment(name: str, value: object) -> str:
    """Return the setting with its value as the beginning of an error about it: `TOCSIN_DEVICE='cuda:9'`."""
    return f"{variable_of(name)}={value!r}"


def _check_brokers(text: str) -> str:
    """Return the list without blanks around its entries."""
    brokers = [broker.strip() for broker in text.split(",")]
    matches = [_BROKER.fullmatch(broker) for broker in brokers]
    if not all(match and 1 <= int(match[1]) <= 65_535 for match in matches):
        raise wrong("expected HOST:PORT[,HOST:PORT...] with ports from 1 to 65535")
    return ",".join(brokers)


def _check_llm_url(text: str) -> str:
    # The address is logged and shown, so it must not hold a password.
    if "@" in text:
        raise wrong("expected no user and no password in the address; a key goes into TOCSIN_LLM_API_KEY")
    if not is_http_url(text):
        raise wrong("expected http://HOST[:PORT]/PATH or https://..., without a query")
    return text


def is_http_url(text: str) -> bool:
    """Return whether this is a complete HTTP address without a query."""
    # The parser accepts blanks and missing slashes. A query is refused because we append to the path.
    if not re.fullmatch(r"https?://[^\s?#\\/][^\s?#\\]*", text):
        return False
    try:
        _HTTP_URL.validate_python(text)
    except ValidationError:
        return False
    return True


def _check_topic(name: str, info: ValidationInfo) -> str:
    """Refuse a name that Kafka refuses, and a name used twice: an agent that reads what it writes would never end."""
    # Kafka has the same rule, and refuses these two names.
    if name in (".", "..") or not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name):
        raise wrong("expected 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'")
    for other, value in info.data.items():
        if other.startswith("topic_") and value == name:
            raise wrong(f"expected another topic than {variable_of(other)}")
    return name


def _check_header_names(text: str) -> str:
    """Return the list without blanks around its entries."""
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    if not all(1 <= len(name) <= _MAX_HEADER_NAME and name.isprintable() for name in names):
        raise wrong(f"expected NAME[,NAME...], each of 1 to {_MAX_HEADER_NAME} printable characters")
    if len(names) > _MAX_HEADER_NAMES or len(set(names)) < len(names):
        raise wrong(f"expected at most {_MAX_HEADER_NAMES} names, each once")
    # Our headers say where a dead letter lay. Such a header of a user would be read as ours.
    if any(name.startswith(OWN_HEADER_PREFIX) for name in names):
        raise wrong(f"expected no name that begins with {OWN_HEADER_PREFIX}: those headers are ours")
    return ",".join(names)


def _check_languages(text: str) -> str:
    """Return the list without blanks around its entries."""
    codes = [code.strip().lower() for code in text.split(",")]
    if codes != ["all"] and not all(re.fullmatch(r"[a-z]{2}", code) for code in codes):
        raise wrong("expected CODE[,CODE...], each an ISO 639-1 code such as en, or all")
    return ",".join(codes)


def _check_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", name):
        raise wrong("expected auto, cpu, cuda or cuda:N")
    return name


def _check_is_used_with_tls(file: Path | None, info: ValidationInfo) -> Path | None:
    """Refuse a file that would never be read."""
    if file is not None and info.data.get("kafka_tls") is False:
        raise wrong("has no effect without TOCSIN_KAFKA_TLS=true")
    is_lone_key = info.data.get("kafka_certificate_file", file) is None
    if file is not None and info.field_name == "kafka_key_file" and is_lone_key:
        raise wrong("expected the key's certificate too, TOCSIN_KAFKA_CERTIFICATE_FILE")
    return file


def wrong(expected: str) -> PydanticCustomError:
    """Return the error for a value that is not what was expected."""
    return PydanticCustomError("wrong", "{expected}", {"expected": expected})


Brokers = Annotated[str, AfterValidator(_check_brokers)]
Topic = Annotated[str, AfterValidator(_check_topic)]
HeaderNames = Annotated[str, AfterValidator(_check_header_names)]
Languages = Annotated[str, AfterValidator(_check_languages)]
Device = Annotated[str, AfterValidator(_check_device)]
LlmUrl = Annotated[str, AfterValidator(_check_llm_url)]
TlsFile = Annotated[Path | None, AfterValidator(_check_is_used_with_tls)]
