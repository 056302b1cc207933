"""`tocsin up` and a second terminal: the commands that `up` prints work there, in any folder."""

import asyncio
import json
import re
import shlex
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.local.http_probe import answers_http
from pipeline.local.process import find_free_port
from pipeline.topology import ROLES
from tests.pipeline.llm.fake_llm import FakeLlm, answering
from tests.pipeline.sources.live.doubles.jetstream_server import JetstreamServer, event
from tests.pipeline.stack_process import read_until, tocsin

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_UP = ("up", "--broker-port", "0", "--metrics-port", "0")
_POST = json.dumps({"id": "1", "text": "Floods in Jakarta, thousands flee"})


@dataclass
class RunningUp:
    """What `up` has printed."""

    commands: list[list[str]]  # without the program's name
    urls: dict[str, str]  # whose metrics, by URL
    brokers: str
    log_folder: Path


@asynccontextmanager
async def _up(folder: Path, llm: FakeLlm, *options: str) -> AsyncIterator[RunningUp]:
    """Give what a running `tocsin up` prints, and check that Ctrl-C ends it cleanly."""
    async with tocsin(*_UP, "--llm-url", llm.url, *options, folder=folder) as process:
        values = [
            line.strip().split("  ", 1)[-1].strip() for line in await read_until("Ctrl-C", process.stdout)
        ]
        commands = [shlex.split(value)[1:] for value in values if value.startswith("tocsin ")]
        broker = next(value for value in values if "embedded" in value)
        logs = next(value.split()[0] for value in values if "*.log" in value)
        urls = dict(re.findall(r"^(http\S+/metrics) +\((\w+)\)$", "\n".join(values), re.MULTILINE))
        yield RunningUp(commands, urls, broker.split()[0], Path(logs).parent)
        process.send_signal(signal.SIGINT)
        _, log = await process.communicate()
    assert (process.returncode, log.decode()) == (0, "")


async def _run(*arguments: str, folder: Path, **variables: str) -> str:
    """Return what the command prints on standard output; it must end with status 0."""
    async with tocsin(*arguments, folder=folder, **variables) as process:
        output, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    return output.decode()


@pytest.fixture
def terminal(tmp_path: Path) -> Path:
    """The folder of another terminal."""
    folder = tmp_path / "terminal"
    folder.mkdir()
    return folder


async def test_every_line_that_up_prints_works_in_another_terminal(tmp_path: Path, terminal: Path) -> None:
    """Each command is run as it is printed, without a setting, and `watch` shows the alert for a produced post."""
    async with FakeLlm(answering("Flood: Jakarta")) as llm, _up(tmp_path, llm) as up:
        assert list(up.urls.values()) == [role.name for role in ROLES]
        assert all([await answers_http(url) for url in up.urls])
        assert {f"{role.name}.log" for role in ROLES} <= {file.name for file in up.log_folder.glob("*.log")}
        names = [command[0] for command in up.commands]
        assert sorted(names) == ["dead", "produce", "watch"]
        watch = up.commands.pop(names.index("watch"))
        async with tocsin(*watch, folder=terminal) as watching:
            seen = asyncio.ensure_future(read_until("Flood: Jakarta", watching.stdout))
            # `watch` shows alerts from now on, and nothing says when "now" is, so posts are produced until one is seen.
            number = 0
            while not seen.done():
                (terminal / "posts.jsonl").write_text(_POST.replace('"1"', f'"{number}"'))
                for command in up.commands:
                    await _run(*command, folder=terminal)
                await asyncio.wait([seen], timeout=3)
                number += 1
            await seen
            watching.send_signal(signal.SIGINT)


async def test_every_other_command_works_against_up_with_no_setting_but_its_address(
    tmp_path: Path, terminal: Path
) -> None:
    """A dead letter is replayed, and a second agent joins."""
    (terminal / "bad.jsonl").write_text("not json\n")
    async with FakeLlm(answering("Flood: Jakarta")) as llm, _up(tmp_path, llm) as up:
        await _run("produce", "bad.jsonl", "--raw", "--brokers", up.brokers, folder=terminal)
        while "decode" not in await _run("dead", "list", "--brokers", up.brokers, folder=terminal):
            await asyncio.sleep(0.1)
        replayed = await _run("dead", "replay", "--all", "--brokers", up.brokers, folder=terminal)
        assert replayed == "1 record replayed, 0 not\n"
        port = find_free_port()
        variables = {"TOCSIN_BROKERS": up.brokers, "TOCSIN_METRICS_PORT": str(port)}
        async with tocsin("annotate", folder=terminal, **variables) as agent:
            while not await answers_http(f"http://127.0.0.1:{port}/readyz"):
                assert agent.returncode is None
                await asyncio.sleep(0.1)
            agent.send_signal(signal.SIGTERM)
            assert await agent.wait() == 0


@pytest.mark.parametrize("command", [_UP, ("demo", "--json", "--posts", "posts.jsonl")])
async def test_modules_in_the_users_folder_are_never_run(command: tuple[str, ...], tmp_path: Path) -> None:
    """The folder holds packages with our names, and one with a name of Python's, that would fail and leave a trace."""
    trap = f"open({str(tmp_path / 'was-run')!r}, 'w'); raise SystemExit('a file of the user was run')"
    for name in ("models/__init__.py", "pipeline/__init__.py", "queue.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(trap)
    (tmp_path / "posts.jsonl").write_text(_POST)
    async with tocsin(*command, folder=tmp_path) as process:
        if command == _UP:
            await read_until("Ctrl-C", process.stdout)
            process.send_signal(signal.SIGTERM)
        output, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    assert command == _UP or json.loads(output.splitlines()[-1])["summary"]["posts"] == 1
    assert not (tmp_path / "was-run").exists()


async def test_up_says_what_it_waits_for_and_goes_on_when_the_llm_server_comes(tmp_path: Path) -> None:
    """No server answers at --llm-url: one line with the reason, and no other while the reason is the same."""
    llm = FakeLlm(answering("Flood: Jakarta"), port=find_free_port())
    async with tocsin(*_UP, "--llm-url", llm.url, folder=tmp_path) as process:
        said = await read_until("alert is not ready yet", process.stdout)
        assert "LLM not usable" in said[-1]
        assert llm.url in said[-1]
        async with llm:
            said = await read_until("alert is ready", process.stdout)
            assert len([line for line in said if llm.url in line]) == 0
            process.send_signal(signal.SIGINT)
            await process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("is_file", [False, True])
async def test_try_says_once_what_it_waits_for(is_file: bool, tmp_path: Path) -> None:
    """It says so on standard error, not with every attempt, and the results are the usual ones."""
    (tmp_path / "posts.jsonl").write_text(_POST)
    llm = FakeLlm(answering("Flood: Jakarta"), port=find_free_port())
    what = ("--posts", "posts.jsonl") if is_file else ("Floods in Jakarta, thousands flee",)
    async with tocsin("try", *what, "--llm-url", llm.url, folder=tmp_path) as process:
        await read_until("the LLM is not ready yet: LLM server at", process.stderr)
        async with llm:
            output, log = await process.communicate()
    assert (process.returncode, log.decode()) == (0, "")
    assert "Flood: Jakarta" in output.decode()


async def test_a_live_source_runs_beside_the_agents(tmp_path: Path, terminal: Path) -> None:
    """`up` says where posts come from, and an alert comes of a post of the source."""
    async with FakeLlm(answering("Flood: Jakarta")) as llm, JetstreamServer() as server:
        options = ("--source", "bluesky", "--lang", "en", "--source-url", server.url)
        async with _up(tmp_path, llm, *options) as up:
            assert list(up.urls.values()) == [*(role.name for role in ROLES), "source"]
            now = time.time_ns() // 1000
            await server.add(now, event(1, "Hochwasser in Jakarta", time_us=now, langs=["de"]))
            await server.add(now + 1, event(2, "Floods in Jakarta, thousands flee", time_us=now + 1))
            watch = ("watch", "--json", "--from-beginning", "--max", "1", "--brokers", up.brokers)
            alert = json.loads(await _run(*watch, folder=terminal))
    assert alert["alert"] == "Flood: Jakarta"
    assert alert["post"]["text"] == "Floods in Jakarta, thousands flee"
    assert alert["post"]["source"] == "bluesky"


async def test_a_source_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    """`up` says why the source is not ready, then the addresses of the rest, and later that it is."""
    server = JetstreamServer(port=find_free_port())
    options = ("--source", "bluesky", "--source-url", server.url)
    async with (
        FakeLlm(answering("Flood: Jakarta")) as llm,
        tocsin(*_UP, "--llm-url", llm.url, *options, folder=tmp_path) as process,
    ):
        lines = await read_until("Ctrl-C", process.stdout)
        away = "source bluesky is not ready yet: connecting: no answer from Jetstream at"
        assert any(away in line for line in lines)
        assert any("tocsin watch --brokers" in line for line in lines)
        async with server:
            await read_until("source bluesky is ready", process.stdout)
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "TOCSIN_SOURCE_TOPIC: not set: expected the topic to read"),
        (
            {"TOCSIN_SOURCE_TOPIC": "tweets"},
            "TOCSIN_SOURCE_BROKERS: not set, and the broker that is started here",
        ),
        (
            {"TOCSIN_SOURCE_TOPIC": "posts", "TOCSIN_SOURCE_BROKERS": "127.0.0.1:19999"},
            "TOCSIN_SOURCE_TOPIC=posts: the pipeline itself writes to this topic",
        ),
    ],
)
async def test_a_topic_that_cannot_be_the_source_is_refused(
    variables: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """The source's cluster is compared with the broker that `up` starts, and not with TOCSIN_BROKERS."""
    options = ("up", "--broker-port", "19999", "--metrics-port", "0", "--source", "kafka")
    variables |= {"TOCSIN_BROKERS": "kafka.example:9092"}
    async with tocsin(*options, folder=tmp_path, **variables) as process:
        output, log = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert expected in log.decode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--lang", "en"), "--lang, --words, --source-url: for a live source alone: add --source NAME"),
        (("--source", "blusky"), "source blusky: expected one of bluesky"),
        (
            ("--source", "bluesky", "--source-url", "https://x"),
            "TOCSIN_SOURCE_URL='https://x': expected wss://",
        ),
    ],
)
async def test_a_wrong_source_is_refused_before_anything_is_started(
    options: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    """Loading the agents takes long, and would be for nothing."""
    async with tocsin(*_UP, *options, folder=tmp_path) as process:
        output, log = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert expected in log.decode()
