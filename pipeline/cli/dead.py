"""`tocsin dead list|show|replay`: looks at records that could not be processed, and tries them again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import BrokersOption, ConfigOption, JsonOption, client_settings
from pipeline.errors import SettingsError, TocsinError, UnreplayableError, record_reasons
from pipeline.printable import quantity
from pipeline.stopping import run

if TYPE_CHECKING:
    from pipeline.outcomes.dead_letters import StoredLetter
    from pipeline.settings import Settings

dead_app = typer.Typer(
    help="List, show or replay records that could not be processed (dead letters).",
    epilog="Example: `tocsin dead list`",
    no_args_is_help=True,
)

StageOption = Annotated[
    str | None, typer.Option(help="Only letters of this stage: decode, or the name of the agent that failed.")
]
ReasonOption = Annotated[str | None, typer.Option(help="Only letters with this reason, as `list` shows it.")]
_POSITION = re.compile(r"[0-9]+/[0-9]+")
PositionArgument = Annotated[str, typer.Argument(help="PARTITION/OFFSET of the letter, as `list` shows it.")]


@dead_app.command("list", epilog="Example: `tocsin dead list --reason llm_refused --limit 20`")
def list_letters(
    stage: StageOption = None,
    reason: ReasonOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show only the last N.")] = None,
    json_lines: JsonOption = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """List dead letters by age, only the last letter of each record."""
    from pipeline.cli.views.dead import show_json, show_line, show_note

    settings = client_settings(config, brokers)
    _check_filters(stage, reason)
    letters = _find(settings, stage=stage, reason=reason)
    for filed in letters[-limit:] if limit else letters:
        show_json(filed) if json_lines else show_line(filed)
    if not json_lines:
        show_note(quantity(len(letters), "dead letter"))


@dead_app.command("show", epilog="Example: `tocsin dead show 0/17`")
def show_letter(
    position: PositionArgument,
    json_lines: JsonOption = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Show everything that is known of one dead letter."""
    from pipeline.cli.views.dead import show_json, show_page

    settings = client_settings(config, brokers)
    _check_position(position)
    filed = _find_at(position, settings)
    show_json(filed) if json_lines else show_page(filed)


@dead_app.command(
    "replay",
    epilog="Example: `tocsin dead replay --reason llm_refused --limit 100`, and to go on after the last of them "
    "`tocsin dead replay --reason llm_refused --limit 100 --after 0/117`",
)
def replay_letters(
    position: Annotated[
        str | None, typer.Argument(help="PARTITION/OFFSET of the one letter to replay.")
    ] = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the oldest N letters that can be replayed.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(help="Only letters that `list` shows after this PARTITION/OFFSET.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every letter that can be replayed.")] = False,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
) -> None:
    """Put records back on the topics that they came from, unchanged, so that the agents try them again."""
    from pipeline.cli.views.dead import show_note
    from pipeline.outcomes.dead_letters import replay

    settings = client_settings(config, brokers)
    if not (position or stage or reason or limit or every):
        raise SettingsError(
            ["dead replay: expected at least one of PARTITION/OFFSET, --stage, --reason, --limit and --all"]
        )
    if position and every:
        raise SettingsError([f"dead replay: expected either {position} or --all, not both"])
    _check_filters(stage, reason)
    _check_position(position)
    _check_position(after, option="--after ")
    letters = _find(settings, stage=stage, reason=reason, position=position)
    if position and not letters:
        raise TocsinError(f"no dead letter at {position}")
    if after is not None:
        letters = _after(_find_at(after, settings), letters)
    good, num_refused = _choose_replayable(letters, settings, limit)
    run(replay([filed.letter for filed in good], settings))
    print(f"{quantity(len(good), 'record')} replayed, {num_refused} not")
    if good and len(good) == limit and good[-1] is not letters[-1]:
        show_note(f"to go on: --after {good[-1].position}")
    if num_refused:
        raise TocsinError(f"{quantity(num_refused, 'record')} not replayed")


def _check_filters(stage: str | None, reason: str | None) -> None:
    """Refuse a stage or a reason that no letter has. Else a slip would look like "no dead letters"."""
    from pipeline.messages.dead_letter import DECODE
    from pipeline.topology import ROLES

    stages = [DECODE, *(role.name for role in ROLES)]
    filters = (("--stage", stage, stages), ("--reason", reason, record_reasons()))
    problems = [
        f"{option} {value}: expected one of {', '.join(known)}"
        for option, value, known in filters
        if value is not None and value not in known
    ]
    if problems:
        raise SettingsError(problems)


def _check_position(position: str | None, *, option: str = "") -> None:
    if position is not None and not _POSITION.fullmatch(position):
        raise SettingsError(
            [f"{option}{position}: expected PARTITION/OFFSET, as `tocsin dead list` shows it"]
        )


def _choose_replayable(
    letters: Sequence[StoredLetter], settings: Settings, limit: int | None
) -> tuple[list[StoredLetter], int]:
    """Return the first `limit` letters that can be replayed, and how many of those between cannot, showing why."""
    from pipeline.cli.views.dead import show_refusal
    from pipeline.outcomes.dead_letters import check_replayable

    good: list[StoredLetter] = []
    num_refused = 0
    for filed in letters:
        if len(good) == limit:
            break
        try:
            check_replayable(filed.letter, settings)
            good.append(filed)
        except UnreplayableError as error:
            num_refused += 1
            show_refusal(filed, str(error))
    return good, num_refused


def _find_at(position: str, settings: Settings) -> StoredLetter:
    letters = _find(settings, position=position)
    if not letters:
        raise TocsinError(
            f"no dead letter at {position} of {settings.topic_dead}: `tocsin dead list` shows where they are"
        )
    return letters[0]


def _find(
    settings: Settings, *, stage: str | None = None, reason: str | None = None, position: str | None = None
) -> list[StoredLetter]:
    from pipeline.outcomes.dead_letters import LetterQuery, find_letters

    return run(find_letters(settings, LetterQuery(stage, reason, position)))


def _after(last: StoredLetter, letters: Sequence[StoredLetter]) -> list[StoredLetter]:
    from pipeline.outcomes.dead_letters import is_of

    # A record that was replayed and failed again has a later letter, with the age of its first letter.
    record = last.letter.first_origin
    return [
        filed
        for filed in letters
        if _age(filed) > _age(last) and not is_of(filed.letter.first_origin, record)
    ]


def _age(filed: StoredLetter) -> tuple[datetime, int, int]:
    """Return what `find_letters` orders by: the oldest record is the smallest."""
    return filed.letter.timestamp, filed.partition, filed.offset
