"""Sources of tokens, chosen by settings: a file, a program, an OIDC endpoint, or the signer of Amazon MSK."""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import time
from pathlib import Path

from pipeline.errors import SettingsError, TokenUnavailableError
from pipeline.kafka.tokens.command import TokenCommand
from pipeline.kafka.tokens.endpoint import Client, TokenEndpoint
from pipeline.kafka.tokens.provider import TokenProvider, TokenSource
from pipeline.kafka.tokens.token import MAX_TOKEN_BYTES, Token, read_token
from pipeline.settings import Settings
from pipeline.settings.sasl import split_command
from pipeline.settings.secret_files import authorities, read_secret

_SIGNER = "aws_msk_iam_sasl_signer"
_MAX_SIGNING_SECONDS = 30.0


def token_provider(settings: Settings) -> TokenProvider:
    """Return the provider of the one source that these settings name.

    Raises:
        SettingsError: a file cannot be read, a program or a package is missing.
    """
    pairs = (settings.kafka_token_extensions or "").split()
    extensions = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    return TokenProvider(_source(settings), extensions)


def _source(settings: Settings) -> TokenSource:
    if settings.kafka_token_file is not None:
        return TokenFile(settings.kafka_token_file)
    if settings.kafka_token_command is not None:
        return TokenCommand(split_command(settings.kafka_token_command))
    if settings.kafka_token_url is not None:
        return TokenEndpoint(settings.kafka_token_url, _client(settings), _endpoint_tls(settings))
    assert settings.kafka_msk_region is not None, "Settings checks this"
    return MskSigner(settings.kafka_msk_region)


def _client(settings: Settings) -> Client:
    assert settings.kafka_token_client_id is not None, "Settings checks this"
    secret, file = settings.kafka_token_client_secret, settings.kafka_token_client_secret_file
    if secret is None:
        assert file is not None, "Settings checks this"
        secret = read_secret(file, "kafka_token_client_secret_file", what="the secret")
    return Client(settings.kafka_token_client_id, secret, settings.kafka_token_scope)


def _endpoint_tls(settings: Settings) -> ssl.SSLContext:
    return authorities(settings.kafka_token_ca_file, "kafka_token_ca_file")


class TokenFile:
    """Reads a file for each connection: the program that renews the token writes the file anew.

    Raises:
        SettingsError: the file cannot be read now, or does not hold a token.
    """

    is_kept = False

    def __init__(self, file: Path) -> None:
        self.name = f"TOCSIN_KAFKA_TOKEN_FILE={str(file)!r}"
        self._file = file
        try:
            self._read()
        except TokenUnavailableError as error:
            raise SettingsError([str(error)]) from error

    async def fetch(self) -> Token:
        """Return the token in the file.

        Raises:
            TokenUnavailableError: it holds no token now; it may be being written.
        """
        return self._read()

    def _read(self) -> Token:
        try:
            with self._file.open("rb") as file:
                content = file.read(MAX_TOKEN_BYTES + 2)
            return read_token(content.decode("ascii", "replace"))
        except OSError as error:
            raise TokenUnavailableError(f"{self.name}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise TokenUnavailableError(f"{self.name}: expected a token: {error}") from None


class MskSigner:
    """Signs tokens with the AWS credentials of the environment, by Amazon's own package.

    Raises:
        SettingsError: the package is not installed.
    """

    is_kept = True

    def __init__(self, region: str) -> None:
        self.name = f"TOCSIN_KAFKA_MSK_REGION={region!r}"
        self._region = region
        if importlib.util.find_spec(_SIGNER) is None:
            raise SettingsError(
                [f"{self.name}: needs the package aws-msk-iam-sasl-signer-python: pip install 'tocsin[msk]'"]
            )

    async def fetch(self) -> Token:
        """Return a token; the credentials may come from the network (an instance's role, STS).

        Raises:
            TokenUnavailableError: there are no credentials, or they cannot be fetched now.
        """
        try:
            async with asyncio.timeout(_MAX_SIGNING_SECONDS):
                value, lifetime_seconds = await asyncio.to_thread(self._sign)
        except TimeoutError:
            raise TokenUnavailableError(f"{self.name}: no AWS credentials in time") from None
        # The signer raises whatever its libraries raise, and they have an error for each of many sources.
        except Exception as error:
            raise TokenUnavailableError(f"{self.name}: AWS gives no credentials: {error}") from error
        return read_token(value, lifetime_seconds=lifetime_seconds)

    def _sign(self) -> tuple[str, float]:
        """Return a token and its lifetime in seconds."""
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
        from botocore.session import Session

        # Without credentials the signer fails on a None. This looks in the same places as the signer.
        if Session().get_credentials() is None:
            raise LookupError("none found in the environment, the profile, or from the machine's role")
        value, expires_at_milliseconds = MSKAuthTokenProvider.generate_auth_token(self._region)
        return value, max(1.0, expires_at_milliseconds / 1000 - time.time())
