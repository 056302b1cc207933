"""What a setting may be beyond a number or a word: addresses, topics, names of headers, devices, TLS files, SASL.

A check sees the fields before its own: `Settings` lists what belongs together in the order in which it is compared.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyHttpUrl, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from pipeline.carried_headers import OWN_PREFIX

_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+):([0-9]{1,5})")
_MAX_HEADER_NAMES = 32
_MAX_HEADER_NAME = 200
_HTTP_URL = TypeAdapter(AnyHttpUrl)


def _check_brokers(text: str) -> str:
    """Return the list without blanks around its entries."""
    brokers = [broker.strip() for broker in text.split(",")]
    matches = [_BROKER.fullmatch(broker) for broker in brokers]
    if not all(match and 1 <= int(match[1]) <= 65_535 for match in matches):
        raise _wrong("expected HOST:PORT[,HOST:PORT...] with ports from 1 to 65535")
    return ",".join(brokers)


def _check_llm_url(text: str) -> str:
    # The address is logged and shown: a password must not be in it.
    if "@" in text:
        raise _wrong("expected no user and no password in the address; a key goes into TOCSIN_LLM_API_KEY")
    # The parser itself forgives blanks and missing slashes, and we append to the path.
    is_plain = re.fullmatch(r"https?://[^\s?#\\/][^\s?#\\]*", text)
    try:
        _HTTP_URL.validate_python(text)
    except ValidationError:
        is_plain = None
    if not is_plain:
        raise _wrong("expected http://HOST[:PORT]/PATH or https://..., without a query")
    return text


def _check_topic(name: str, info: ValidationInfo) -> str:
    """Refuse what Kafka does, and the same topic twice: an agent that reads what it writes would never end."""
    # As Kafka has it, which also refuses these two.
    if name in (".", "..") or not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name):
        raise _wrong("expected 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'")
    for other, value in info.data.items():
        if other.startswith("topic_") and value == name:
            raise _wrong(f"expected another topic than {other}")
    return name


def _check_header_names(text: str) -> str:
    """Return the list without blanks around its entries."""
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    if not all(1 <= len(name) <= _MAX_HEADER_NAME and name.isprintable() for name in names):
        raise _wrong(f"expected NAME[,NAME...], each of 1 to {_MAX_HEADER_NAME} printable characters")
    if len(names) > _MAX_HEADER_NAMES or len(set(names)) < len(names):
        raise _wrong(f"expected {_MAX_HEADER_NAMES} names at most, each once")
    # They tell where a dead letter lay: a stranger's would be taken for ours.
    if any(name.startswith(OWN_PREFIX) for name in names):
        raise _wrong(f"expected no name that begins with {OWN_PREFIX}: those headers are ours")
    return ",".join(names)


def _check_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", name):
        raise _wrong("expected auto, cpu, cuda or cuda:N")
    return name


def _check_is_used_with_tls(file: Path | None, info: ValidationInfo) -> Path | None:
    """Refuse a file that somebody relies on and nobody would read."""
    if file is not None and info.data.get("kafka_tls") is False:
        raise _wrong("has no effect without TOCSIN_KAFKA_TLS=true")
    is_lone_key = info.data.get("kafka_certificate_file", file) is None
    if file is not None and info.field_name == "kafka_key_file" and is_lone_key:
        raise _wrong("a key needs its certificate, TOCSIN_KAFKA_CERTIFICATE_FILE")
    return file


def _check_has_user_and_password(mechanism: str | None, info: ValidationInfo) -> str | None:
    """Compare with the fields before it; one that is wrong itself is missing here and told already."""
    names = ("kafka_username", "kafka_password", "kafka_password_file")
    user, password, file = (bool(info.data.get(name, True)) for name in names)
    if mechanism is None and any(info.data.get(name) for name in names):
        raise _wrong("expected a mechanism, for there is a user name or a password")
    if mechanism is not None and not user:
        raise _wrong("expected a user name too, TOCSIN_KAFKA_USERNAME")
    if mechanism is not None and password == file and set(names) <= set(info.data):
        raise _wrong("expected either TOCSIN_KAFKA_PASSWORD or TOCSIN_KAFKA_PASSWORD_FILE, and one of them")
    return mechanism


def _wrong(expected: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{expected}", {"expected": expected})


Brokers = Annotated[str, AfterValidator(_check_brokers)]
Topic = Annotated[str, AfterValidator(_check_topic)]
HeaderNames = Annotated[str, AfterValidator(_check_header_names)]
Device = Annotated[str, AfterValidator(_check_device)]
LlmUrl = Annotated[str, AfterValidator(_check_llm_url)]
TlsFile = Annotated[Path | None, AfterValidator(_check_is_used_with_tls)]
SaslMechanism = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, AfterValidator(_check_has_user_and_password)
]
