"""Which settings of a login to Kafka belong together: user and password, or one source of tokens.

A check sees the fields before its own. The mechanism is the last of these fields, so its check compares the others.
"""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr, ValidationInfo

from pipeline.settings.checks import is_http_url, variable_of, wrong

_PASSWORD_FIELDS = ("kafka_username", "kafka_password", "kafka_password_file")
TOKEN_SOURCES = ("kafka_token_file", "kafka_token_command", "kafka_token_url", "kafka_msk_region")
_ENDPOINT_FIELDS = (
    "kafka_token_client_id",
    "kafka_token_client_secret",
    "kafka_token_client_secret_file",
    "kafka_token_scope",
    "kafka_token_ca_file",
)
# A name and a value as in RFC 7628; Kafka's own clients accept no other names.
_EXTENSION = re.compile(r"[A-Za-z]+=[\x21-\x7e]+")


def _check_command(command: SecretStr) -> SecretStr:
    if not split_command(command):
        raise wrong("expected a program and its arguments, quoted as for a shell")
    return command


def split_command(command: SecretStr) -> list[str]:
    """Return the program and its arguments; nothing if the quotes do not match."""
    try:
        return shlex.split(command.get_secret_value())
    except ValueError:
        return []


def _check_url(text: str) -> str:
    # The address is logged and shown, so it must not hold a secret.
    if "@" in text or not is_http_url(text):
        raise wrong("expected https://HOST[:PORT]/PATH, without a query, a user and a password")
    return text


def _check_region(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]", text):
        raise wrong("expected the name of an AWS region, such as eu-central-1")
    return text


def _check_extensions(text: str) -> str:
    # Separated by blanks, because a value may hold commas.
    pairs = text.split()
    names = [pair.partition("=")[0] for pair in pairs]
    is_taken = "auth" in names or len(set(names)) < len(names)
    if is_taken or not all(_EXTENSION.fullmatch(pair) for pair in pairs):
        raise wrong("expected NAME=VALUE[ NAME=VALUE...]; each name once, only letters, and not auth")
    return text


def _check_login(mechanism: str | None, info: ValidationInfo) -> str | None:
    """Compare with the fields before it; a field with an error of its own is missing here."""
    set_names = {name for name, value in info.data.items() if value}
    password, tokens = _named(_PASSWORD_FIELDS, set_names), _named(TOKEN_SOURCES, set_names)
    further = _named((*_ENDPOINT_FIELDS, "kafka_token_extensions"), set_names)
    if mechanism is None:
        if password:
            raise wrong("expected a mechanism, because a user name or a password is set")
        if tokens or further:
            raise wrong(f"expected OAUTHBEARER, because {(tokens + further)[0]} is set")
    elif mechanism == "OAUTHBEARER":
        if password:
            raise wrong(f"OAUTHBEARER takes a token: {password[0]} has no effect")
        _check_token_source(set_names, info)
    else:
        if tokens or further:
            raise wrong(f"only OAUTHBEARER takes a token: {(tokens + further)[0]} has no effect")
        _check_user_and_password(set_names, info)
    return mechanism


def _check_user_and_password(set_names: set[str], info: ValidationInfo) -> None:
    if "kafka_username" in info.data and "kafka_username" not in set_names:
        raise wrong("expected a user name too, TOCSIN_KAFKA_USERNAME")
    is_known = set(_PASSWORD_FIELDS) <= set(info.data)
    if is_known and ("kafka_password" in set_names) == ("kafka_password_file" in set_names):
        raise wrong("expected exactly one of TOCSIN_KAFKA_PASSWORD and TOCSIN_KAFKA_PASSWORD_FILE")


def _check_token_source(set_names: set[str], info: ValidationInfo) -> None:
    if not {*TOKEN_SOURCES, *_ENDPOINT_FIELDS} <= set(info.data):
        return
    sources = _named(TOKEN_SOURCES, set_names)
    if len(sources) != 1:
        found = f"found {' and '.join(sources)}" if sources else "found none"
        raise wrong(f"expected one source of tokens ({', '.join(_named(TOKEN_SOURCES))}): {found}")
    unused = _named(_ENDPOINT_FIELDS, set_names)
    if sources != _named(["kafka_token_url"]):
        if unused:
            raise wrong(f"without TOCSIN_KAFKA_TOKEN_URL, {unused[0]} has no effect")
        return
    if "kafka_token_client_id" not in set_names:
        raise wrong("expected TOCSIN_KAFKA_TOKEN_CLIENT_ID too")
    if ("kafka_token_client_secret" in set_names) == ("kafka_token_client_secret_file" in set_names):
        raise wrong(
            "expected exactly one of TOCSIN_KAFKA_TOKEN_CLIENT_SECRET and TOCSIN_KAFKA_TOKEN_CLIENT_SECRET_FILE"
        )


def _named(names: tuple[str, ...] | list[str], set_names: set[str] | None = None) -> list[str]:
    return [variable_of(name) for name in names if set_names is None or name in set_names]


TokenCommand = Annotated[SecretStr, AfterValidator(_check_command)] | None
TokenUrl = Annotated[str, AfterValidator(_check_url)] | None
MskRegion = Annotated[str, AfterValidator(_check_region)] | None
TokenExtensions = Annotated[str, AfterValidator(_check_extensions)] | None
SaslMechanism = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None, AfterValidator(_check_login)
]
