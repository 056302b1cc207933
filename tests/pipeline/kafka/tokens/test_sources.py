"""From settings to the one source of tokens that they name."""

import base64
import importlib.util
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.errors import SettingsError, TokenUnavailableError
from pipeline.kafka.security import kafka_security
from pipeline.kafka.tokens import sources as token_sources
from pipeline.kafka.tokens.sources import MskSigner, token_provider
from pipeline.monitor.logs import configure_logging
from pipeline.settings import Settings, load_settings
from tests.pipeline.kafka.tokens.served_tokens import fake_endpoint, unsigned_token

_OAUTH = {"TOCSIN_KAFKA_SASL_MECHANISM": "OAUTHBEARER"}
_FILE = {**_OAUTH, "TOCSIN_KAFKA_TOKEN_FILE": "f"}
_URL = {**_OAUTH, "TOCSIN_KAFKA_TOKEN_URL": "https://id.example.org/token"}
_ID = {"TOCSIN_KAFKA_TOKEN_CLIENT_ID": "tocsin"}


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (_OAUTH, r"expected one source of tokens \(TOCSIN_KAFKA_TOKEN_FILE, .*MSK_REGION\): found none"),
        (
            {**_FILE, "TOCSIN_KAFKA_TOKEN_COMMAND": "x hunter2"},
            "found TOCSIN_KAFKA_TOKEN_FILE and .*_COMMAND",
        ),
        ({**_FILE, "TOCSIN_KAFKA_USERNAME": "u"}, "takes a token: TOCSIN_KAFKA_USERNAME has no effect"),
        ({**_FILE, "TOCSIN_KAFKA_PASSWORD": "hunter2"}, "takes a token: TOCSIN_KAFKA_PASSWORD has no effect"),
        ({**_FILE, **_ID}, "without TOCSIN_KAFKA_TOKEN_URL, TOCSIN_KAFKA_TOKEN_CLIENT_ID has no effect"),
        (_URL, "expected TOCSIN_KAFKA_TOKEN_CLIENT_ID too"),
        ({**_URL, **_ID}, "expected exactly one of TOCSIN_KAFKA_TOKEN_CLIENT_SECRET and"),
        (
            {
                **_URL,
                **_ID,
                "TOCSIN_KAFKA_TOKEN_CLIENT_SECRET": "hunter2",
                "TOCSIN_KAFKA_TOKEN_CLIENT_SECRET_FILE": "f",
            },
            "expected exactly one of TOCSIN_KAFKA_TOKEN_CLIENT_SECRET and",
        ),
        ({"TOCSIN_KAFKA_TOKEN_FILE": "f"}, "expected OAUTHBEARER, because TOCSIN_KAFKA_TOKEN_FILE is set"),
        ({"TOCSIN_KAFKA_TOKEN_CLIENT_SECRET": "hunter2"}, "expected OAUTHBEARER, because .*SECRET is set"),
        (
            {**_FILE, "TOCSIN_KAFKA_SASL_MECHANISM": "PLAIN"},
            "only OAUTHBEARER takes a token: TOCSIN_KAFKA_TOKEN_FILE has no effect",
        ),
        ({**_OAUTH, "TOCSIN_KAFKA_TOKEN_COMMAND": "a 'hunter2"}, r"\(hidden\): expected a program"),
        ({**_OAUTH, "TOCSIN_KAFKA_TOKEN_COMMAND": " "}, r"\(hidden\): expected a program"),
        (
            {**_OAUTH, "TOCSIN_KAFKA_TOKEN_URL": "https://u:hunter2@id/token"},
            r"\(hidden\): expected https://",
        ),
        ({**_OAUTH, "TOCSIN_KAFKA_TOKEN_URL": "https://id/t?s=hunter2"}, r"\(hidden\): expected https://"),
        ({**_OAUTH, "TOCSIN_KAFKA_TOKEN_URL": "id.example.org"}, "='id.example.org': expected https://"),
        (
            {**_OAUTH, "TOCSIN_KAFKA_MSK_REGION": "Frankfurt"},
            "='Frankfurt': expected the name of an AWS region",
        ),
        ({**_FILE, "TOCSIN_KAFKA_TOKEN_EXTENSIONS": "a"}, "expected NAME=VALUE"),
        ({**_FILE, "TOCSIN_KAFKA_TOKEN_EXTENSIONS": "auth=x"}, "and not auth"),
        ({**_FILE, "TOCSIN_KAFKA_TOKEN_EXTENSIONS": "a=b a=c"}, "each name once"),
        ({**_FILE, "TOCSIN_KAFKA_TOKEN_EXTENSIONS": "a=b\x01"}, "expected NAME=VALUE"),
    ],
)
def test_token_settings_that_contradict_each_other_are_one_mistake(
    environ: dict[str, str], problem: str
) -> None:
    """There is exactly one source, with every setting that it needs and no other; no secret is shown."""
    with pytest.raises(SettingsError, match=problem) as caught:
        load_settings(environ=environ)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "ap-southeast-5", "us-iso-east-1"])
def test_every_form_of_a_region_name_is_accepted(region: str) -> None:
    """Region names of every form that AWS has are accepted."""
    load_settings(environ={**_OAUTH, "TOCSIN_KAFKA_MSK_REGION": region})


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff", b"x" * 70_000])
async def test_a_file_without_a_token_is_an_error_at_the_start_and_waited_for_later(
    tmp_path: Path, content: bytes | None
) -> None:
    """For a file that is missing, empty or something else the message names setting and file, not the content."""
    file = tmp_path / "token"
    settings = Settings(kafka_sasl_mechanism="OAUTHBEARER", kafka_token_file=file)
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"TOCSIN_KAFKA_TOKEN_FILE='{file}': ") as caught:
        token_provider(settings)
    assert "two words" not in str(caught.value)
    file.write_text(unsigned_token(lifetime_seconds=-1))
    provider = token_provider(settings)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TokenUnavailableError, match=rf"TOCSIN_KAFKA_TOKEN_FILE='{file}': "):
        await provider.token()


async def test_a_rotated_file_is_read_again(tmp_path: Path) -> None:
    """Kubernetes replaces a link; each connection uses the file that the link names at that time."""
    file, one, two = tmp_path / "token", tmp_path / "one", tmp_path / "two"
    one.write_text("first")
    two.write_text("second\n")
    file.symlink_to(one)
    provider = token_provider(Settings(kafka_sasl_mechanism="OAUTHBEARER", kafka_token_file=file))
    assert await provider.token() == "first"
    new = tmp_path / "new"
    new.symlink_to(two)
    new.replace(file)
    assert await provider.token() == "second"


async def test_a_client_secret_comes_from_a_file(tmp_path: Path) -> None:
    """The file is read at the start, as a password file is."""
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    async with fake_endpoint() as endpoint:
        login: dict[str, Any] = {
            "kafka_sasl_mechanism": "OAUTHBEARER",
            "kafka_token_url": endpoint.url,
            "kafka_token_client_id": "tocsin",
        }
        await token_provider(Settings(**login, kafka_token_client_secret_file=file)).token()
        [(authorization, _)] = endpoint.asked
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"tocsin:hunter2"
    with pytest.raises(SettingsError, match=r"TOCSIN_KAFKA_TOKEN_CLIENT_SECRET_FILE=.*cannot be read"):
        token_provider(Settings(**login, kafka_token_client_secret_file=tmp_path / "gone"))
    with pytest.raises(
        SettingsError, match=r"TOCSIN_KAFKA_TOKEN_CA_FILE=.*expected certificates in PEM form"
    ):
        token_provider(Settings(**login, kafka_token_client_secret_file=file, kafka_token_ca_file=file))


async def test_every_client_gets_the_provider_and_none_shows_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Equal settings share one provider, and the log warns if a token is sent unencrypted."""
    file = tmp_path / "token"
    token = unsigned_token("agent")
    file.write_text(token)
    settings = Settings(
        kafka_sasl_mechanism="OAUTHBEARER", kafka_token_file=file, kafka_token_extensions="a=b c=d,e"
    )
    security = kafka_security(settings)
    options = security.client_options()
    assert options["security_protocol"] == "SASL_PLAINTEXT"
    assert options["sasl_mechanism"] == "OAUTHBEARER"
    provider = options["sasl_oauth_token_provider"]
    assert kafka_security(settings).client_options()["sasl_oauth_token_provider"] is provider
    assert provider.extensions() == {"a": "b", "c": "d,e"}
    assert await provider.token() == token
    assert security.user == "the bearer of our token (subject 'agent')"
    assert "OAUTHBEARER without TLS: the token and everything else can be read" in caplog.text
    secret = load_settings(environ={**_URL, **_ID, "TOCSIN_KAFKA_TOKEN_CLIENT_SECRET": "hunter2"})
    command = load_settings(environ={**_OAUTH, "TOCSIN_KAFKA_TOKEN_COMMAND": "true hunter2"})
    shown = repr(settings) + repr(security) + repr(secret) + repr(command) + repr(kafka_security(command))
    assert token not in shown
    assert "hunter2" not in shown


def test_a_signer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs it."""
    monkeypatch.setattr(token_sources, "_SIGNER", "no_such_package_here")
    with pytest.raises(
        SettingsError, match=r"MSK_REGION='eu-central-1': needs .* pip install 'tocsin\[msk\]'"
    ):
        MskSigner("eu-central-1")


_needs_signer = pytest.mark.skipif(
    importlib.util.find_spec("aws_msk_iam_sasl_signer") is None,
    reason="the extra `msk` (aws-msk-iam-sasl-signer-python) is not installed",
)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Take away all AWS credentials, and the network to ask for some."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return monkeypatch


@_needs_signer
async def test_the_signer_makes_a_token_for_the_region(no_aws: pytest.MonkeyPatch, capfd: Any) -> None:
    """The token is a signed address of the cluster's region for a quarter of an hour, made here from fake credentials.

    Even at its most talkative level our log does not hold the signature."""
    no_aws.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    no_aws.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("debug")
        provider = token_provider(
            Settings(kafka_sasl_mechanism="OAUTHBEARER", kafka_msk_region="eu-central-1")
        )
        value = await provider.token()
    finally:
        root.handlers[:], root.level = handlers, level
    url = urlsplit(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode())
    query = parse_qs(url.query)
    assert url.hostname == "kafka.eu-central-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIAEXAMPLE/")
    assert query["X-Amz-Credential"][0].endswith("/eu-central-1/kafka-cluster/aws4_request")
    assert provider.last is not None
    assert "and it expires at" in provider.last.describe()
    [signature] = query["X-Amz-Signature"]
    shown = capfd.readouterr()
    assert signature not in shown.out + shown.err
    assert value not in shown.out + shown.err


@_needs_signer
@pytest.mark.usefixtures("no_aws")
async def test_missing_aws_credentials_are_reported() -> None:
    """A role may be given to an instance later, so an agent waits for it."""
    with pytest.raises(
        TokenUnavailableError, match="MSK_REGION='eu-central-1': AWS gives no credentials: none"
    ):
        await MskSigner("eu-central-1").fetch()
