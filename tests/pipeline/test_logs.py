import logging

import pytest

from pipeline.logs import configure_logging


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


def test_a_library_that_repeats_itself_is_heard_once(capfd: pytest.CaptureFixture[str]) -> None:
    """aiokafka logs several lines a second while a broker is away; ours are never dropped."""
    configure_logging("info")
    for _ in range(5):
        logging.getLogger("aiokafka.conn").warning("cannot connect")
        logging.getLogger("pipeline.kafka").warning("trying again")
    lines = capfd.readouterr().err.splitlines()
    assert sum("cannot connect" in line for line in lines) == 1
    assert sum("trying again" in line for line in lines) == 5
