"""What `tocsin dead` shows of dead letters: a line, a page or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from pipeline.messages.dead_letter import show_origin
from pipeline.outcomes.dead_letters import StoredLetter
from pipeline.printable import json_line, printable

_MAX_VALUE_CHARACTERS = 100_000


def show_json(filed: StoredLetter) -> None:
    """Print the letter as one line of JSON."""
    # `origin` says where the record lay; these two say where the letter lies.
    position = {"partition": filed.partition, "offset": filed.offset}
    print(json_line(msgspec.to_builtins(filed.letter) | position))


def show_line(filed: StoredLetter) -> None:
    """Print the letter on one line."""
    letter = filed.letter
    line = Text.assemble(
        (f"{filed.position:>10}", "bold"),
        f"  {letter.timestamp:%Y-%m-%d %H:%M:%S}  ",
        (printable(f"{letter.stage}/{letter.reason}"), "magenta"),
        (f"  attempt {letter.attempt}" if letter.attempt > 1 else ""),
        ("  cut" if letter.is_cut else ""),
        ("" if letter.origin.index is None else f"  index {letter.origin.index}"),
        f"  {printable(letter.message)}",
    )
    Console(soft_wrap=True).print(line)


def show_page(filed: StoredLetter) -> None:
    """Print everything that is known of the letter, a field a line."""
    letter = filed.letter
    fields: Sequence[tuple[str, Any]] = [
        ("position", filed.position),
        ("stage", letter.stage),
        ("reason", letter.reason),
        ("message", letter.message),
        ("attempt", letter.attempt),
        ("origin", show_origin(letter.origin)),
        ("at first", show_origin(letter.first_origin)),
        ("timestamp", letter.timestamp.isoformat()),
        *((f"header {name}", _text(value)) for name, value in letter.headers),
        ("key", _text(letter.key)),
        ("value", "cut: too large for the broker" if letter.is_cut else _text(letter.value)),
    ]
    console = Console(soft_wrap=True)
    for name, value in fields:
        shown = printable(str(value), max_characters=_MAX_VALUE_CHARACTERS)
        console.print(Text.assemble((f"{printable(name):<10} ", "bold"), shown))


def show_refusal(filed: StoredLetter, problem: str) -> None:
    """Print on standard error why the letter is not replayed."""
    Console(stderr=True, soft_wrap=True).print(
        Text.assemble((filed.position, "bold"), f" not replayed: {printable(problem)}")
    )


def show_note(text: str) -> None:
    """Print a remark on standard error, apart from the results."""
    Console(stderr=True, soft_wrap=True).print(text, style="dim")


def _text(value: bytes | None) -> str:
    return "none" if value is None else value.decode(errors="backslashreplace")
