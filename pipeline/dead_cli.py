"""`tocsin dead list|show|replay`: what nobody could process, looked at and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.text import Text

from pipeline.errors import SettingsError, TocsinError, UnreplayableError
from pipeline.logs import configure_logging
from pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from pipeline.dead_letters import Filed

dead_app = typer.Typer(
    help="Records that nobody could process: list them, show one, try them again.", no_args_is_help=True
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="TOCSIN_CONFIG", help="TOML file of settings; TOCSIN_* variables win over it."
    ),
]
BrokersOption = Annotated[str | None, typer.Option(help="Kafka bootstrap servers, HOST:PORT[,...].")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")]
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
    letters = _find(_settings(config, brokers), stage=stage, reason=reason)
    for filed in letters[-limit:] if limit else letters:
        _print_json(filed) if json_lines else _print_line(filed)
    if not json_lines:
        Console(stderr=True).print(f"{len(letters)} dead letters", style="dim")


@dead_app.command("show", epilog="Example: `tocsin dead show 0/17`")
def show_letter(
    place: PlaceArgument,
    json_lines: JsonOption = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Show one dead letter with everything that is known of it."""
    settings = _settings(config, brokers)
    letters = _find(settings, place=place)
    if not letters:
        raise TocsinError(
            f"no dead letter at {place} of {settings.topic_dead}: `tocsin dead list` shows where they are"
        )
    _print_json(letters[0]) if json_lines else _print_whole(letters[0])


@dead_app.command("replay", epilog="Example: `tocsin dead replay --reason llm_refused --limit 100`")
def replay_letters(
    place: Annotated[str | None, typer.Argument(help="PARTITION/OFFSET of the one letter to replay.")] = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The oldest N only.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every record that can be replayed.")] = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Put records back on the topics that they came from, as they were; their agents try them again."""
    from pipeline.dead_letters import check_replayable, replay

    settings = _settings(config, brokers)
    if not (place or stage or reason or limit or every):
        raise SettingsError(["say which: PARTITION/OFFSET, --stage, --reason, --limit or --all"])
    letters = _find(settings, stage=stage, reason=reason, place=place)
    good, refused = [], 0
    for filed in letters[:limit]:
        try:
            check_replayable(filed.letter, settings)
            good.append(filed.letter)
        except UnreplayableError as error:
            refused += 1
            Console(stderr=True).print(
                Text.assemble((filed.place, "bold"), f" not replayed: {_safe(str(error))}")
            )
    asyncio.run(replay(good, settings))
    print(f"{len(good)} records replayed, {refused} not")
    if refused or (place and not letters):
        raise TocsinError(
            f"no dead letter at {place}" if not letters else f"{refused} records were not replayed"
        )


def _find(
    settings: Settings, *, stage: str | None = None, reason: str | None = None, place: str | None = None
) -> list[Filed]:
    from pipeline.dead_letters import Wanted, find_letters

    return asyncio.run(find_letters(settings, Wanted(stage, reason, place)))


def _settings(config: Path | None, brokers: str | None) -> Settings:
    overrides = {} if brokers is None else {"brokers": brokers}
    settings = load_settings(config, overrides=overrides)
    configure_logging("debug" if settings.log_level == "debug" else "warning")
    return settings


def _print_json(filed: Filed) -> None:
    import msgspec

    place = {"partition": filed.partition, "offset": filed.offset}
    print(orjson.dumps(place | {"dead_letter": msgspec.to_builtins(filed.letter)}).decode())


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
    from pipeline.dead_letters import show_origin

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
    from pipeline.terminal import printable

    return printable(text, max_characters=max_characters)
