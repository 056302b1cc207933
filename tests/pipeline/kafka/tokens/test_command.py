"""A token from a real program: what it prints, how it fails, and that it leaves nothing behind."""

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest

from pipeline.errors import SettingsError, TokenRefusedError, TokenUnavailableError
from pipeline.kafka.tokens.command import TokenCommand
from pipeline.kafka.tokens.token import MAX_TOKEN_BYTES
from tests.pipeline.agent_process import until


def _python(code: str, *arguments: str, max_seconds: float = 20.0) -> TokenCommand:
    return TokenCommand([sys.executable, "-c", code, *arguments], max_seconds=max_seconds)


async def test_the_token_is_what_the_program_prints(capfd: pytest.CaptureFixture[str]) -> None:
    """Its arguments reach it as they are, for there is no shell; its standard error reaches nobody."""
    command = _python("import sys; print(sys.argv[1]); print('hunter2', file=sys.stderr)", "$HOME")
    with pytest.raises(TokenRefusedError, match="prints no token: it holds something else"):
        await command.fetch()
    command = _python("import sys; print(sys.argv[1]); print('hunter2', file=sys.stderr)", "abc")
    assert (await command.fetch()).value.get_secret_value() == "abc"
    captured = capfd.readouterr()
    assert "hunter2" not in captured.out + captured.err


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("raise SystemExit(3)", TokenUnavailableError, "ends with status 3: run it by hand to see why"),
        ("print('abc'); raise SystemExit(1)", TokenUnavailableError, "ends with status 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", TokenUnavailableError, "signal 9"),
        ("", TokenRefusedError, "prints no token: it is empty"),
        ("print('a b')", TokenRefusedError, "prints no token: it holds"),
        (f"print('x' * {MAX_TOKEN_BYTES + 2})", TokenRefusedError, "prints no token: it is longer"),
        ("while True: print('x' * 10**6)", TokenRefusedError, "prints no token: it is longer"),
    ],
)
async def test_a_program_that_gives_no_token_is_named(
    code: str, error: type[Exception], message: str
) -> None:
    """The message holds the program, and neither its arguments nor what it printed."""
    with pytest.raises(error, match=message) as caught:
        await _python(code, "hunter2").fetch()
    assert f"TOCSIN_KAFKA_TOKEN_COMMAND='{sys.executable}'" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_program_that_hangs_is_ended_with_its_children(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Within its time limit, and no process of its group lives on."""
    file = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        f"open({str(file)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(1000)"
    )
    with pytest.raises(TokenUnavailableError, match="gives no token within 2 s"):
        await _python(code, max_seconds=2.0).fetch()
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    await until(lambda: not any(_is_alive(pid) for pid in pids))
    assert caplog.records == []


async def test_a_cancelled_fetch_leaves_no_program_behind(tmp_path: Path) -> None:
    """An agent that is stopped while the program runs ends it too."""
    file = tmp_path / "pid"
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    fetching = asyncio.create_task(_python(code).fetch())
    await until(lambda: file.exists() and bool(file.read_text()))
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    await until(lambda: not _is_alive(int(file.read_text())))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended, but that its parent has not collected yet.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def test_a_surviving_grandchild_does_not_delay_the_token() -> None:
    """It keeps the program's output open in a session of its own; the time that the program has holds all the same."""
    code = "import subprocess; subprocess.Popen(['sleep', '5'], start_new_session=True); print('abc')"
    with pytest.raises(TokenUnavailableError, match="within 1 s"):
        await _python(code, max_seconds=1.0).fetch()


def test_a_program_that_does_not_exist_is_an_error_at_the_start(tmp_path: Path) -> None:
    """Missing, or not to be run."""
    file = tmp_path / "script"
    file.write_text("")
    for words in (["no-such-program-here"], shlex.split(str(file))):
        with pytest.raises(SettingsError, match=r"TOCSIN_KAFKA_TOKEN_COMMAND=.*: there is no such program"):
            TokenCommand(words)
