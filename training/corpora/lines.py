"""JSON-lines files, read so that every damaged line is reported with its file and number."""

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson

from training.errors import CorpusError

T = TypeVar("T")


def read_json_lines(path: Path, parse: Callable[[dict[str, Any]], T]) -> list[T]:
    """Parse every line of a file of JSON objects; blank lines are skipped.

    Args:
        parse: turns an object into a record; a ValueError from it says what is wrong with the line.

    Raises:
        CorpusError: the file cannot be opened, or lines are damaged (all of them are listed).
    """
    records: list[T] = []
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            records.append(parse(_parse_object(line)))
        except ValueError as error:
            problems.append((number, str(error)))
    if problems:
        raise CorpusError(path, problems)
    return records


def read_lines(path: Path) -> list[bytes]:
    """Return the lines of a file, without their ends and a byte order mark; raises CorpusError."""
    try:
        # Not str.splitlines: it would also split at U+2028 and other characters that JSON strings may hold.
        return path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
    except OSError as error:
        raise CorpusError(path, [(0, f"cannot be opened ({error.strerror})")]) from error


def _parse_object(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value
