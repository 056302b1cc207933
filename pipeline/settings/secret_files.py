"""Reads the files that settings name: secrets and certificates. Each error names the setting."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.settings.checks import assignment

# A secret is one line. A larger file was named by mistake.
_MAX_SECRET_BYTES = 4096


def read_secret(file: Path, name: str, *, what: str) -> SecretStr:
    """Return the one line in the file.

    Args:
        name: the setting's name.
        what: what the file holds ("the password"), for the error.

    Raises:
        SettingsError: the file cannot be read, or holds something else.
    """
    content = read_file(file, name)
    try:
        # Editors end a file with a line feed, and `kubectl create secret` does not.
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        secret = ""
    if not secret or len(content) > _MAX_SECRET_BYTES or not secret.isprintable():
        raise mistake(name, file, f"expected {what} and nothing else, on one line")
    return SecretStr(secret)


def authorities(file: Path | None, name: str) -> ssl.SSLContext:
    """Return the TLS context that checks servers' certificates by the authorities in the file, or by the system's.

    Raises:
        SettingsError: the file cannot be read, or holds no certificates.
    """
    context = ssl.create_default_context()
    if file is not None:
        # A file replaces the system's authorities, which are for the web.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=read_file(file, name).decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise mistake(name, file, "expected certificates in PEM form") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_file(file: Path, name: str) -> bytes:
    """Return the content of the file.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise mistake(name, file, f"cannot be read: {error.strerror}") from error


def mistake(name: str, file: Path, problem: str) -> SettingsError:
    """Return the error about the file of this setting."""
    return SettingsError([f"{assignment(name, str(file))}: {problem}"])
