"""From settings to the options of a Kafka client, without a broker; with one see `test_secured_kafka.py`."""

import ast
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.kafka.security import NO_SECURITY, kafka_security
from pipeline.settings import Settings, load_settings
from tests.pipeline.kafka.secured_kafka import make_certificate, write_authority

_PIPELINE = Path(__file__).parents[3] / "pipeline"
_USER = {"TOCSIN_KAFKA_USERNAME": "tocsin"}
_LOGIN = {**_USER, "TOCSIN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}


def test_without_settings_clients_get_their_own_defaults() -> None:
    """Neither a password nor TLS is used, as before these settings existed."""
    security = kafka_security(Settings())
    assert security == NO_SECURITY
    assert security.client_options() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({"TOCSIN_KAFKA_TLS": "true"}, "SSL"),
        ({**_LOGIN, "TOCSIN_KAFKA_PASSWORD": "x"}, "SASL_PLAINTEXT"),
        ({**_LOGIN, "TOCSIN_KAFKA_PASSWORD": "x", "TOCSIN_KAFKA_TLS": "true"}, "SASL_SSL"),
    ],
)
def test_the_protocol_follows_from_the_rest(environ: dict[str, str], protocol: str) -> None:
    """Users need not know Kafka's names of the four combinations."""
    options = kafka_security(load_settings(environ=environ)).client_options()
    assert options["security_protocol"] == protocol
    assert (options["ssl_context"] is not None) == ("SSL" in protocol)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"TOCSIN_KAFKA_SASL_MECHANISM": "GSSAPI"},
            "'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512' or 'OAUTHBEARER'",
        ),
        (
            {"TOCSIN_KAFKA_SASL_MECHANISM": "PLAIN", "TOCSIN_KAFKA_PASSWORD": "x"},
            "user name too, TOCSIN_KAFKA_USERNAME",
        ),
        (_LOGIN, "exactly one of TOCSIN_KAFKA_PASSWORD and TOCSIN_KAFKA_PASSWORD_FILE"),
        (
            {**_LOGIN, "TOCSIN_KAFKA_PASSWORD": "x", "TOCSIN_KAFKA_PASSWORD_FILE": "y"},
            "exactly one of TOCSIN_KAFKA_PASSWORD and TOCSIN_KAFKA_PASSWORD_FILE",
        ),
        (_USER, "expected a mechanism"),
        ({"TOCSIN_KAFKA_PASSWORD": "hunter2"}, "expected a mechanism"),
        ({"TOCSIN_KAFKA_CA_FILE": "ca.pem"}, "no effect without TOCSIN_KAFKA_TLS=true"),
        ({"TOCSIN_KAFKA_KEY_FILE": "k", "TOCSIN_KAFKA_TLS": "1"}, "TOCSIN_KAFKA_CERTIFICATE_FILE"),
    ],
)
def test_login_settings_that_contradict_each_other_are_one_mistake(
    environ: dict[str, str], problem: str
) -> None:
    """The program does not start with half of a login, and the message names what is missing and shows no secret."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=environ)
    [text] = caught.value.problems
    assert problem in text
    assert "hunter2" not in text


@pytest.mark.parametrize("content", [b"open Sesame", b"open Sesame\n", b"open Sesame\r\n"])
def test_a_password_comes_from_a_file(tmp_path: Path, content: bytes) -> None:
    """Its content without the line's end is the password; blanks in it are part of it."""
    file = tmp_path / "password"
    file.write_bytes(content)
    settings = load_settings(environ={**_LOGIN, "TOCSIN_KAFKA_PASSWORD_FILE": str(file)})
    assert kafka_security(settings).client_options()["sasl_plain_password"] == "open Sesame"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"one\ntwo\n", b"\xff", b"x" * 5000])
def test_a_file_that_is_not_a_password_is_named(tmp_path: Path, content: bytes | None) -> None:
    """For a file that is missing, empty, too long, not text or of several lines the error names setting and file."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    settings = load_settings(environ={**_LOGIN, "TOCSIN_KAFKA_PASSWORD_FILE": str(file)})
    with pytest.raises(SettingsError, match=r"TOCSIN_KAFKA_PASSWORD_FILE='.*password'"):
        kafka_security(settings)


def test_a_secret_shows_nowhere() -> None:
    """Neither the settings nor the options made from them show it."""
    settings = load_settings(environ={**_LOGIN, "TOCSIN_KAFKA_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(settings) + repr(kafka_security(settings))


def test_certificates_are_read_at_the_start(tmp_path: Path) -> None:
    """The named authority is the only trusted one, and the host's name is checked unless a setting forbids it."""
    authority = make_certificate(tmp_path / "ca-with-key.pem", "authority")
    ca_file = write_authority(tmp_path / "ca.pem", authority)
    own = make_certificate(tmp_path / "own.pem", "agent", signer=authority).file
    settings = Settings(kafka_tls=True, kafka_ca_file=ca_file, kafka_certificate_file=own)
    tls = kafka_security(settings).tls
    assert tls is not None
    assert len(tls.get_ca_certs()) == 1
    assert tls.check_hostname
    careless = kafka_security(settings.model_copy(update={"kafka_verify_hostname": False})).tls
    assert careless is not None
    assert not careless.check_hostname
    assert careless.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff"])
@pytest.mark.parametrize("name", ["kafka_ca_file", "kafka_certificate_file"])
def test_a_file_that_is_not_a_certificate_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    """The error names the setting and the file."""
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"TOCSIN_{name.upper()}='.*file\.pem'"):
        kafka_security(Settings(kafka_tls=True).model_copy(update={name: file}))


def test_an_encrypted_key_is_refused_without_a_question(tmp_path: Path) -> None:
    """OpenSSL would ask for its password on the terminal, and a container would wait for ever."""
    own = make_certificate(tmp_path / "own.pem", "agent", key_password=b"secret").file
    with pytest.raises(SettingsError, match="not encrypted"):
        kafka_security(Settings(kafka_tls=True, kafka_certificate_file=own))


def _calls(file: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]


def test_every_kafka_client_of_the_program_is_given_the_security() -> None:
    """A client without the security would work on a developer's machine and nowhere else."""
    makes_client = {
        "AIOKafkaProducer",
        "AIOKafkaConsumer",
        "AIOKafkaAdminClient",
        "AIOKafkaClient",
        "create_conn",
    }
    num_seen = 0
    for file in sorted(_PIPELINE.rglob("*.py")):
        for call in _calls(file):
            name = ast.unparse(call.func)
            given = " ".join(ast.unparse(node) for node in [*call.args, *(k.value for k in call.keywords)])
            where = f"{file.name}:{call.lineno}: {name}({given})"
            if name in makes_client:
                assert "security.client_options()" in given, where
                num_seen += 1
    assert num_seen >= 7


def test_only_a_broker_of_this_machine_is_a_cluster_without_a_login() -> None:
    """Everywhere else it is `Cluster.of(settings)`: a bare `Cluster(brokers)` would drop login, TLS and idempotence."""
    bare = {
        file.relative_to(_PIPELINE).as_posix()
        for file in _PIPELINE.rglob("*.py")
        for call in _calls(file)
        if ast.unparse(call.func).split(".")[-1] == "Cluster"
    }
    assert bare == {"local/apache_kafka.py"}


@pytest.mark.parametrize("command", ["annotate", "watch"])
def test_help_shows_no_secret(command: str) -> None:
    """Help shows no secret, even if the environment holds one."""
    environ = {**_LOGIN, "TOCSIN_KAFKA_PASSWORD": "hunter2"}
    tocsin = Path(sys.executable).with_name("tocsin")
    shown = subprocess.run(
        [tocsin, command, "--help"], env=environ, capture_output=True, text=True, check=True
    )
    assert "hunter2" not in shown.stdout + shown.stderr
