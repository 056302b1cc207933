import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.errors import LocalServiceError
from pipeline.local.process import find_free_port
from pipeline.topology import ROLES

_TOCSIN = Path(sys.executable).with_name("tocsin")
_COMMANDS = (*(role.name for role in ROLES), "up", "demo", "produce", "watch", "try")
_DEAD_COMMANDS = ("dead list", "dead show", "dead replay")


def _tocsin(*arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_TOCSIN, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env=_environ() | {"COLUMNS": "200", "NO_COLOR": "1"} | variables,
        check=False,
    )


def _environ() -> dict[str, str]:
    """Return our environment without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}


@pytest.mark.parametrize("command", [*_COMMANDS, *_DEAD_COMMANDS])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    """`--help` ends with a command that can be copied."""
    result = _tocsin(*command.split(), "--help")
    assert result.returncode == 0
    assert re.search(rf"Example: .*tocsin {command}", result.stdout)


def test_the_version_option_prints_the_installed_version() -> None:
    """The option prints one line and nothing else."""
    result = _tocsin("--version")
    assert (result.returncode, result.stdout) == (0, f"tocsin {metadata.version('tocsin')}\n")
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["", "produce", "dead", "dead list"])
def test_the_short_option_asks_for_help_too(command: str) -> None:
    """`-h` is `--help` everywhere."""
    short, long = (_tocsin(*command.split(), option) for option in ("-h", "--help"))
    assert (short.returncode, short.stdout) == (0, long.stdout)


@pytest.mark.parametrize(
    "command", [("demo", "--posts"), ("try", "--posts"), ("produce", "--brokers", "127.0.0.1:1")]
)
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"id": "1", "text": "x"}'.encode("utf-16"), "not in UTF-8 but in UTF-16"),
        (b'[\n{"id": "1", "text": "x"},', "a JSON document over several lines that cannot be read"),
    ],
)
def test_a_file_of_another_form_is_refused_before_anything_is_started(
    command: tuple[str, ...], content: bytes, problem: str, tmp_path: Path
) -> None:
    """One line with the file and its form, even if no broker can be reached."""
    (tmp_path / "posts").write_bytes(content)
    result = _tocsin(*command, "posts", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"tocsin: posts: {problem}")
    assert len(result.stderr.splitlines()) == 1


def test_all_wrong_settings_are_listed_without_a_traceback() -> None:
    """The start fails with status 2 and one line for each mistake."""
    result = _tocsin("annotate", TOCSIN_METRICS_PORT="high", TOCSIN_BROKER="x")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 2
    assert all(line.startswith("tocsin: TOCSIN_") for line in result.stderr.splitlines())


@pytest.mark.parametrize("command", [*_COMMANDS, *_DEAD_COMMANDS])
def test_a_wrong_setting_is_reported_before_the_network_is_loaded(command: str) -> None:
    """Loading the network takes seconds, so the settings are checked first."""
    arguments = {"produce": ["-"], "try": ["a"], "dead show": ["0/1"], "dead replay": ["--all"]}.get(
        command, []
    )
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipeline.cli", *command.split(), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=_environ() | {"TOCSIN_METRICS_PORT": "high"},
        check=False,
    )
    assert (result.returncode, "TOCSIN_METRICS_PORT" in result.stderr) == (2, True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines() if "|" in line}
    assert "pipeline.settings" in loaded
    assert not {"torch", "faust"} & loaded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("produce", "gone.jsonl"), "tocsin: gone.jsonl: cannot be read: No such file or directory"),
        (("demo", "--posts", "gone.jsonl"), "tocsin: gone.jsonl: cannot be read: No such file or directory"),
        (("up", "--data", "kept"), "tocsin: --data kept: only Apache Kafka keeps data: add --kafka apache"),
        (
            ("watch", "--brokers", "127.0.0.1:1"),
            "tocsin: no Kafka broker at 127.0.0.1:1: no server answers there\n",
        ),
        (("watch", "--brokers", ""), "tocsin: --brokers='': "),
        (("annotate", "--brokers", ""), "tocsin: --brokers='': "),
        (("alert", "--brokers", "kafka"), "tocsin: --brokers='kafka': expected HOST:PORT"),
        (("up", "--config", "gone.toml"), "tocsin: gone.toml: cannot be read: No such file or directory"),
        (("demo", "--config", "gone.toml"), "tocsin: gone.toml: cannot be read: No such file or directory"),
        (("demo", "--llm-url", "gone"), "tocsin: --llm-url='gone': "),
        (("up", "--llm", "vllm"), "tocsin: --llm vllm: name a model with --model"),
        (("demo", "--model", "large"), "tocsin: --model large: for vLLM alone: add --llm vllm"),
        (
            ("up", "--llm", "vllm", "--model", "m", "--llm-url", "http://h/v1"),
            "tocsin: --llm vllm: a running server is named too",
        ),
        (("try",), "tocsin: try: expected either a text or --posts FILE"),
        (("try", "a", "--posts", "b"), "tocsin: try: expected either a text or --posts FILE"),
        (("try", "a", "--format", "x-v2"), "tocsin: try: --format is for a file: add --posts FILE"),
        (("try", "a", "--network"), "tocsin: try: --network is for a file: add --posts FILE"),
        (("try", "--posts", "gone.jsonl"), "tocsin: gone.jsonl: cannot be read"),
        (
            ("dead", "list", "--stage", "decoed"),
            "tocsin: --stage decoed: expected one of decode, annotate, alert",
        ),
        (
            ("dead", "replay", "--reason", "llm"),
            "tocsin: --reason llm: expected one of internal, invalid_message, llm_refused, outcome_too_large, "
            "unannotatable, undecodable\n",
        ),
        (("dead", "show", "17"), "tocsin: 17: expected PARTITION/OFFSET"),
        (("dead", "replay", "0/x"), "tocsin: 0/x: expected PARTITION/OFFSET"),
        (("dead", "replay", "--all", "--after", "x"), "tocsin: --after x: expected PARTITION/OFFSET"),
        (("dead", "replay", "0/0", "--all"), "tocsin: dead replay: expected either 0/0 or --all, not both"),
        (("produce", "\x1b[31mgone"), r"tocsin: \x1b[31mgone: cannot be read"),
    ],
)
def test_an_error_that_a_person_can_correct_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    """There is no traceback, the status is not 0, and the line says what is wrong."""
    result = _tocsin(*arguments, cwd=tmp_path)
    assert result.returncode in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TOCSIN_DEVICE", "cuda:999", "TOCSIN_DEVICE='cuda:999': cannot be used"),
        ("TOCSIN_CHECKPOINT", "gone", "TOCSIN_CHECKPOINT='gone'"),
        ("TOCSIN_GUIDELINES", "ours", "TOCSIN_GUIDELINES='ours': "),
        (
            "TOCSIN_LLM_MODEL",
            "large",
            "TOCSIN_LLM_MODEL='large': the embedded LLM server has a model of its own",
        ),
    ],
)
def test_try_names_the_setting_that_it_cannot_use(
    name: str, value: str, message: str, tmp_path: Path
) -> None:
    """What the network or the embedded LLM server cannot use is one line, not a traceback."""
    result = _tocsin("try", "Flood in Jakarta", cwd=tmp_path, **{name: value})
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_up_without_the_jars_of_apache_kafka_says_how_to_get_them(tmp_path: Path) -> None:
    """The error names the folder, and nothing is left behind."""
    result = _tocsin("up", "--kafka", "apache", "--broker-port", "0", cwd=tmp_path, TOCSIN_KAFKA_LIBS="gone")
    assert result.returncode == 1
    assert "no jars in gone: run `make kafka`, or set TOCSIN_KAFKA_LIBS" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_an_agent_does_not_repeat_the_programs_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent that ends with an error has a line with the name at the end of its log, and `demo` shows it."""

    def end() -> None:
        raise LocalServiceError("annotate ended with status 2; the end of its log:\ntocsin: no checkpoint")

    monkeypatch.setattr(main, "app", end)
    with pytest.raises(SystemExit):
        main.main()
    first = "tocsin: annotate ended with status 2; the end of its log:"
    assert capsys.readouterr().err == f"{first}\ntocsin: no checkpoint\n"


def test_an_agent_without_a_broker_keeps_trying_until_sigterm() -> None:
    """The broker's address is in the log, more than once, and SIGTERM still ends it with status 0."""
    brokers = f"127.0.0.1:{find_free_port()}"
    process = subprocess.Popen(
        [_TOCSIN, "alert", "--brokers", brokers],
        stderr=subprocess.PIPE,
        text=True,
        env=_environ() | {"TOCSIN_BROKERS": "127.0.0.1:2", "TOCSIN_METRICS_PORT": "0"},
    )
    assert process.stderr is not None
    try:
        with process.stderr as log:
            complaints = 0
            while complaints < 2:
                line = log.readline()
                assert line, "the agent ended by itself"
                complaints += f"no Kafka broker at {brokers}" in line
            process.terminate()
            assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()


def test_the_installed_program_ignores_packages_in_the_working_folder(tmp_path: Path) -> None:
    """In a folder that holds packages of the same names, the program still takes its own."""
    for name in ("pipeline", "models", "training"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a foreign package was imported')")
    assert _tocsin("watch", "--help", cwd=tmp_path).returncode == 0
    code = "import pipeline, models, training as t; print(pipeline.__file__, models.__file__, t.__file__)"
    environ = os.environ | {"PYTHONSAFEPATH": "1"}
    files = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    ).stdout
    root = Path(__file__).parents[3]
    assert files.split() == [str(root / name / "__init__.py") for name in ("pipeline", "models", "training")]
