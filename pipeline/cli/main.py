"""The command line of the program `tocsin`: its commands with their options, and how errors are shown.

A function here imports what its command needs inside itself. So `tocsin --help` loads neither a Kafka client nor the
network nor the settings, and a command loads only its own part.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.dead import dead_app
from pipeline.cli.options import (
    BrokersOption,
    ConfigOption,
    FormatOption,
    JsonOption,
    LlmOption,
    LlmServer,
    LlmUrlOption,
    ModelOption,
    client_settings,
    stack_settings,
    vllm_model,
)
from pipeline.cli.source import source
from pipeline.cli.up import up
from pipeline.errors import SettingsError, TocsinError
from pipeline.printable import escape_unprintable
from pipeline.stopping import run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: `tocsin demo`",
)

app.add_typer(dead_app, name="dead")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib import metadata

        print(f"tocsin {metadata.version('tocsin')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Turn a stream of social-media posts into short alerts."""


@app.command(epilog="Example: `tocsin annotate --brokers kafka:9092`")
def annotate(brokers: BrokersOption = None, config: ConfigOption = None) -> None:
    """Run the annotate agent, which finds entities and sentiment in posts, until SIGTERM or Ctrl-C."""
    from pipeline.cli.agent import run_agent

    run_agent("annotate", config, brokers)


@app.command(epilog="Example: `TOCSIN_LLM_URL=http://vllm:8000/v1 tocsin alert --brokers kafka:9092`")
def alert(brokers: BrokersOption = None, config: ConfigOption = None) -> None:
    """Run the alert agent, which writes alerts for annotated posts, until SIGTERM or Ctrl-C."""
    from pipeline.cli.agent import run_agent

    run_agent("alert", config, brokers)


app.command(epilog="Example: `tocsin source bluesky --lang en --words 'flood*,earthquake'`")(source)
app.command(
    epilog="Example: `tocsin up --source bluesky --lang en`, `tocsin up --kafka apache --data my-data` or "
    "`tocsin up --llm vllm --model Qwen/Qwen3-4B`"
)(up)


@app.command(epilog="Example: `tocsin demo --posts my.jsonl --json`")
def demo(
    posts: Annotated[
        Path | None,
        typer.Option(help="File of posts in any usual format. Without it our sample posts are used."),
    ] = None,
    post_format: FormatOption = None,
    json_lines: JsonOption = False,
    llm_url: LlmUrlOption = None,
    config: ConfigOption = None,
    llm: LlmOption = LlmServer.LLAMA_CPP,
    model: ModelOption = None,
) -> None:
    """Run sample posts through the whole pipeline on this machine and show what becomes of each."""
    from pipeline.cli.demo import run_demo
    from pipeline.cli.views.demo import JsonView, TextView
    from pipeline.local.stack import StackOptions
    from pipeline.monitor.logs import configure_logging
    from pipeline.offline import SAMPLE_POSTS

    configure_logging("warning")
    settings = stack_settings(config, llm_url, post_format=post_format)
    options = StackOptions(0, 0, settings, vllm_model=vllm_model(llm, model, settings))
    run(run_demo(posts or SAMPLE_POSTS, options, JsonView() if json_lines else TextView()))


@app.command(epilog="Example: `tocsin produce posts.jsonl` or `tail -f posts.jsonl | tocsin produce -`")
def produce(
    file: Annotated[str, typer.Argument(help="File of posts in any usual format, or - for standard input.")],
    post_format: FormatOption = None,
    brokers: BrokersOption = None,
    config: ConfigOption = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Send every line as it is, whether a post or not.")
    ] = False,
) -> None:
    """Send posts from a file to Kafka and report what should be posts but are not, or are too large."""
    from pipeline.cli.produce import run_produce

    settings = client_settings(config, brokers, post_format=post_format)
    if run(run_produce(file, settings, is_raw=raw)):
        raise typer.Exit(1)


@app.command(epilog="Example: `tocsin watch --json --from-beginning --max 10`")
def watch(
    brokers: BrokersOption = None,
    config: ConfigOption = None,
    json_lines: JsonOption = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show all alerts, not only new ones.")
    ] = False,
    max_alerts: Annotated[
        int | None, typer.Option("--max", min=1, help="End after this many alerts.")
    ] = None,
) -> None:
    """Show alerts as they come, until Ctrl-C."""
    from pipeline.cli.watch import run_watch

    settings = client_settings(config, brokers)
    run(run_watch(settings, as_json=json_lines, from_beginning=from_beginning, max_alerts=max_alerts))


@app.command(name="try", epilog='Example: `tocsin try "Flood warning for Jakarta, thousands flee"`')
def try_post(
    text: Annotated[str | None, typer.Argument(help="The text of a post.")] = None,
    config: ConfigOption = None,
    llm_url: LlmUrlOption = None,
    posts: Annotated[
        Path | None,
        typer.Option(
            help="File of posts in any usual format. Everything about each post is printed as a JSON line."
        ),
    ] = None,
    post_format: FormatOption = None,
    network: Annotated[
        bool, typer.Option("--network", help="Ignore entities and sentiment that the file gives.")
    ] = False,
) -> None:
    """Write the alert for one post and show every step, or for a file of posts, without Kafka."""
    from pipeline.cli.try_post import try_file, try_text

    if (text is None) == (posts is None):
        raise SettingsError(["try: expected either a text or --posts FILE"])
    if posts is not None:
        try_file(posts, config, llm_url=llm_url, post_format=post_format, ignores_given=network)
    elif text is not None:
        if post_format is not None or network:
            raise SettingsError(
                [f"try: {'--network' if network else '--format'} is for a file: add --posts FILE"]
            )
        try_text(text, config, llm_url=llm_url)


def main() -> None:
    """Run the program. An error that a person can correct is one message, not a traceback."""
    try:
        app()
    except SettingsError as error:
        _fail(str(error), status=2)
    except TocsinError as error:
        _fail(str(error), status=1)
    except KeyboardInterrupt:  # while Python's own handler was in place
        sys.exit(130)


def _fail(message: str, *, status: int) -> None:
    for line in message.splitlines():
        # The end of an agent's log can hold lines that begin like this already.
        print(f"tocsin: {escape_unprintable(line.removeprefix('tocsin: '))}", file=sys.stderr)
    sys.exit(status)
