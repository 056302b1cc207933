import logging

import pytest

from pipeline.monitor.logs import configure_logging


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_log_line_cannot_be_forged(capfd: pytest.CaptureFixture[str]) -> None:
    """Terminal escapes in a message are shown, not obeyed."""
    configure_logging("info")
    logging.getLogger("tocsin").info("post %s", "\x1b[2J\u202eevil")
    assert capfd.readouterr().err.endswith("INFO    tocsin: post \\x1b[2J\\u202eevil\n")


def test_a_line_feed_in_a_message_starts_no_log_line(capfd: pytest.CaptureFixture[str]) -> None:
    """A line feed in a message is escaped, and the lines of an exception's text are indented."""
    forged = "x\n2026-01-01T00:00:00.000Z INFO    tocsin: all is well"
    configure_logging("info")
    logging.getLogger("tocsin").info("post %s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("tocsin").exception("failed")
    lines = capfd.readouterr().err.splitlines()
    own = [line for line in lines if not line.startswith("  ")]
    assert len(own) == 2
    assert own[0].endswith("post x\\n2026-01-01T00:00:00.000Z INFO    tocsin: all is well")
    assert own[1].endswith("failed")


def test_requests_with_passwords_are_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """aiokafka logs whole requests at the level `debug`, logins included; we never show those."""
    configure_logging("debug")
    logging.getLogger("aiokafka.conn").debug("Request: SaslAuthenticateRequest(b'\\0tocsin\\0hunter2')")
    assert "hunter2" not in capfd.readouterr().err


def test_repeated_lines_of_a_library_are_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    """aiokafka logs several lines a second while a broker is away; ours are never dropped."""
    configure_logging("info")
    for _ in range(5):
        logging.getLogger("aiokafka.conn").warning("cannot connect")
        logging.getLogger("pipeline.kafka.publisher").warning("trying again")
    lines = capfd.readouterr().err.splitlines()
    assert sum("cannot connect" in line for line in lines) == 1
    assert sum("trying again" in line for line in lines) == 5
