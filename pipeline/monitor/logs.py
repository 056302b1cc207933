"""Log lines on standard error, one event a line, whatever text an event holds."""

from __future__ import annotations

import logging
import sys
import time

import stamina

from pipeline.printable import escape_unprintable

# These log several lines a second while a broker is away, with tracebacks of what they then retry.
_NOISY = ("aiokafka", "faust", "mode", "httpx", "httpx2", "openai")
_MIN_SECONDS_BETWEEN_REPEATS = 10.0


def configure_logging(level: str) -> None:
    """Log to standard error from `level` (debug, info, warning, error) on. Noisy libraries log from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLineFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Our code logs its own retries.
    stamina.instrumentation.set_on_retry_hooks([])
    # At "debug" aiokafka.conn would log every request, also the one with the password, and botocore what it signs.
    for name in ("aiokafka.conn", "botocore"):
        logging.getLogger(name).setLevel(logging.INFO)
    if level != "debug":
        handler.addFilter(_RepeatFilter())
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.WARNING)


class _OneLineFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Escape what could control a terminal or forge a line. Only a traceback has further lines, all indented."""
        return "\n  ".join(escape_unprintable(line) for line in super().format(record).split("\n"))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is the base class's
        """Return the first line, on one line whatever the message holds."""
        return escape_unprintable(super().formatMessage(record))


class _RepeatFilter(logging.Filter):
    """Lets a library log the same event (the same line of its code) once in ten seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._last_seconds: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] not in _NOISY:
            return True
        line = (record.pathname, record.lineno)
        now = time.monotonic()
        is_new = now - self._last_seconds.get(line, float("-inf")) >= _MIN_SECONDS_BETWEEN_REPEATS
        if is_new:
            self._last_seconds[line] = now
        return is_new
