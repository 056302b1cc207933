"""`tocsin dead list|show|replay`: what nobody could process, looked at and tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from pipeline.cli.options import BrokersOption, ConfigOption, JsonOption, client_settings
from pipeline.cli.signals import run
from pipeline.errors import SettingsError, TocsinError, UnreplayableError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.outcomes.dead_letters import Filed

dead_app = typer.Typer(
    help="Records that nobody could process: list them, show one, try them again.", no_args_is_help=True
)

StageOption = Annotated[str | None, typer.Option(help="Only those of this stage: decode, annotate or alert.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only those with this reason, as `list` shows it.")]
PlaceArgument = Annotated[str, typer.Argument(help="PARTITION/OFFSET of the letter, as `list` shows it.")]


@dead_app.command("list", epilog="Example: `tocsin dead list --reason llm_refused --limit 20`")
def list_letters(
    stage: StageOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The last N only.")] = None,
    json_lines: JsonOption = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """List dead letters, the last one of each record, by age."""
    letters = _find(client_settings(config, brokers), stage=stage, reason=reason)
    for filed in letters[-limit:] if limit else letters:
        _print_json(filed) if json_lines else _print_line(filed)
    if not json_lines:
        Console(stderr=True).print(
            f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}", style="dim"
        )


@dead_app.command("show", epilog="Example: `tocsin dead show 0/17`")
def show_letter(
    place: PlaceArgument,
    json_lines: JsonOption = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Show one dead letter with everything that is known of it."""
    settings = client_settings(config, brokers)
    filed = _find_at(place, settings)
    _print_json(filed) if json_lines else _print_whole(filed)


@dead_app.command(
    "replay",
    epilog="Example: `tocsin dead replay --reason llm_refused --limit 100`, and to go on where that ended "
    "`tocsin dead replay --reason llm_refused --limit 100 --after 0/117`",
)
def replay_letters(
    place: Annotated[str | None, typer.Argument(help="PARTITION/OFFSET of the one letter to replay.")] = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The oldest N that can be replayed.")] = None,
    after: Annotated[
        str | None, typer.Option(help="Only those that `list` shows after this PARTITION/OFFSET.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every record that can be replayed.")] = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Put records back on the topics that they came from, as they were; their agents try them again."""
    from pipeline.outcomes.dead_letters import replay

    settings = client_settings(config, brokers)
    if not (place or stage or reason or limit or every):
        raise SettingsError(["say which: PARTITION/OFFSET, --stage, --reason, --limit or --all"])
    letters = _find(settings, stage=stage, reason=reason, place=place)
    if after is not None:
        letters = _after(_find_at(after, settings), letters)
    good, refused = _choose_replayable(letters, settings, limit)
    run(replay([filed.letter for filed in good], settings))
    print(f"{len(good)} records replayed, {refused} not")
    if good and len(good) == limit and good[-1] is not letters[-1]:
        Console(stderr=True).print(f"to go on: --after {good[-1].place}", style="dim")
    if refused or (place and not letters):
        raise TocsinError(
            f"no dead letter at {place}" if not letters else f"{refused} records were not replayed"
        )


def _choose_replayable(
    letters: Sequence[Filed], settings: Settings, limit: int | None
) -> tuple[list[Filed], int]:
    """Return the first `limit` letters that can be replayed, and how many between them cannot, which it names."""
    from pipeline.outcomes.dead_letters import check_replayable

    good: list[Filed] = []
    refused = 0
    for filed in letters:
        if len(good) == limit:
            break
        try:
            check_replayable(filed.letter, settings)
            good.append(filed)
        except UnreplayableError as error:
            refused += 1
            Console(stderr=True).print(
                Text.assemble((filed.place, "bold"), f" not replayed: {_safe(str(error))}")
            )
    return good, refused


def _find_at(place: str, settings: Settings) -> Filed:
    letters = _find(settings, place=place)
    if not letters:
        raise TocsinError(
            f"no dead letter at {place} of {settings.topic_dead}: `tocsin dead list` shows where they are"
        )
    return letters[0]


def _find(
    settings: Settings, *, stage: str | None = None, reason: str | None = None, place: str | None = None
) -> list[Filed]:
    from pipeline.outcomes.dead_letters import Wanted, find_letters

    return run(find_letters(settings, Wanted(stage, reason, place)))


def _after(last: Filed, letters: Sequence[Filed]) -> list[Filed]:
    # A record that was replayed and failed again has a later letter with the age of the first.
    record = last.letter.first_origin
    return [filed for filed in letters if _age(filed) > _age(last) and filed.letter.first_origin != record]


def _age(filed: Filed) -> tuple[datetime, int, int]:
    """Return what `find_letters` orders by: the oldest record is the smallest."""
    return filed.letter.timestamp, filed.partition, filed.offset


def _print_json(filed: Filed) -> None:
    import msgspec

    from pipeline.printable import json_line

    # The letter by its schema, and where it lies itself: `origin` is the record's place.
    place = {"partition": filed.partition, "offset": filed.offset}
    print(json_line(msgspec.to_builtins(filed.letter) | place))


def _print_line(filed: Filed) -> None:
    letter = filed.letter
    line = Text.assemble(
        (f"{filed.place:>10}", "bold"),
        f"  {letter.timestamp:%Y-%m-%d %H:%M:%S}  ",
        (_safe(f"{letter.stage}/{letter.reason}"), "magenta"),
        (f"  attempt {letter.attempt}" if letter.attempt > 1 else ""),
        ("  cut" if letter.is_cut else ""),
        f"  {_safe(letter.message)}",
    )
    Console(soft_wrap=True).print(line)


def _print_whole(filed: Filed) -> None:
    from pipeline.outcomes.dead_letters import show_origin

    letter = filed.letter
    lines: Sequence[tuple[str, Any]] = [
        ("place", filed.place),
        ("stage", letter.stage),
        ("reason", letter.reason),
        ("message", letter.message),
        ("attempt", letter.attempt),
        ("origin", show_origin(letter.origin)),
        ("at first", show_origin(letter.first_origin)),
        ("timestamp", letter.timestamp.isoformat()),
        *((f"header {name}", _text(value)) for name, value in letter.headers),
        ("key", _text(letter.key)),
        ("value", "gone: too large for the broker" if letter.is_cut else _text(letter.value)),
    ]
    console = Console(soft_wrap=True)
    for name, value in lines:
        console.print(
            Text.assemble((f"{_safe(name):<10} ", "bold"), _safe(str(value), max_characters=100_000))
        )


def _text(value: bytes | None) -> str:
    return "none" if value is None else value.decode(errors="backslashreplace")


def _safe(text: str, *, max_characters: int = 160) -> str:
    from pipeline.printable import printable

    return printable(text, max_characters=max_characters)
