"""The program `tocsin`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.dead import dead_app
from pipeline.cli.options import BrokersOption, ConfigOption, JsonOption, client_settings, given
from pipeline.cli.signals import end_at_once_when_told, run
from pipeline.cli.stack_options import (
    DEFAULT_KAFKA_FOLDER,
    Kafka,
    LlmOption,
    LlmServer,
    LlmUrlOption,
    ModelOption,
    chosen_vllm_model,
    stack_settings,
)
from pipeline.errors import SettingsError, TocsinError
from pipeline.monitor.logs import configure_logging
from pipeline.printable import escape_unprintable
from pipeline.settings import Settings, load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(dead_app, name="dead")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"tocsin {metadata.version('tocsin')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """From a stream of social-media posts to short alerts."""


@app.command(epilog="Example: `tocsin annotate --brokers kafka:9092`")
def annotate(brokers: BrokersOption = None, config: ConfigOption = None) -> None:
    """Run the annotate agent: posts in, annotated posts out, until SIGTERM or Ctrl-C."""
    settings = _agent_settings(brokers, config)
    from pipeline.annotate.role import run_annotate

    _run_agent(run_annotate, settings)


@app.command(epilog="Example: `TOCSIN_LLM_URL=http://vllm:8000/v1 tocsin alert --brokers kafka:9092`")
def alert(brokers: BrokersOption = None, config: ConfigOption = None) -> None:
    """Run the alert agent: annotated posts in, alerts and abstentions out, until SIGTERM or Ctrl-C."""
    settings = _agent_settings(brokers, config)
    from pipeline.alert.role import run_alert

    _run_agent(run_alert, settings)


@app.command(
    epilog="Example: `tocsin up --kafka apache --data my-data` or `tocsin up --llm vllm --model Qwen/Qwen3-4B`"
)
def up(
    broker_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the broker; 0 takes a free one.")
    ] = 9092,
    metrics_port: Annotated[
        int,
        typer.Option(min=0, max=65_534, help="Metrics of the annotate agent; the alert agent's is the next."),
    ] = 9108,
    llm_url: LlmUrlOption = None,
    config: ConfigOption = None,
    kafka: Annotated[
        Kafka, typer.Option(help="The embedded broker forgets all when it stops, Apache Kafka nothing.")
    ] = Kafka.EMBEDDED,
    data: Annotated[
        Path | None, typer.Option(help=f"Folder of Apache Kafka's data; none: {DEFAULT_KAFKA_FOLDER}.")
    ] = None,
    llm: LlmOption = LlmServer.LLAMA_CPP,
    model: ModelOption = None,
) -> None:
    """Run broker, LLM server and both agents on this machine until Ctrl-C."""
    from pipeline.cli.up import run_up
    from pipeline.local.stack import StackOptions

    configure_logging("warning")
    if data and kafka is not Kafka.APACHE:
        raise SettingsError([f"--data {data}: only Apache Kafka keeps data: add --kafka apache"])
    kafka_data = (data or DEFAULT_KAFKA_FOLDER) if kafka is Kafka.APACHE else None
    settings = stack_settings(config, llm_url)
    vllm_model = chosen_vllm_model(llm, model, settings)
    options = StackOptions(broker_port, metrics_port, settings, kafka_data, vllm_model, awaits_llm=True)
    asyncio.run(run_up(options))


@app.command(epilog="Example: `tocsin demo --posts my.jsonl --json`")
def demo(
    posts: Annotated[
        Path | None, typer.Option(help="File of posts, one JSON object a line; none: our samples.")
    ] = None,
    json_lines: JsonOption = False,
    llm_url: LlmUrlOption = None,
    config: ConfigOption = None,
    llm: LlmOption = LlmServer.LLAMA_CPP,
    model: ModelOption = None,
) -> None:
    """Run sample posts through everything on this machine, show each outcome and the sum, and end."""
    from pipeline.cli.demo import run_demo
    from pipeline.cli.demo_view import JsonView, TextView
    from pipeline.local.stack import StackOptions
    from pipeline.offline import SAMPLE_POSTS

    configure_logging("warning")
    settings = stack_settings(config, llm_url)
    options = StackOptions(0, 0, settings, vllm_model=chosen_vllm_model(llm, model, settings))
    run(run_demo(posts or SAMPLE_POSTS, options, JsonView() if json_lines else TextView()))


@app.command(epilog="Example: `tocsin produce posts.jsonl` or `tail -f posts.jsonl | tocsin produce -`")
def produce(
    file: Annotated[
        str, typer.Argument(help="File of posts, one JSON object a line, or - for standard input.")
    ],
    brokers: BrokersOption = None,
    config: ConfigOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="Send every line as it is, posts or not.")] = False,
) -> None:
    """Produce posts from a file; lines that are no posts, or too large, are reported and not sent."""
    from pipeline.cli.produce import run_produce

    settings = client_settings(config, brokers)
    if run(run_produce(file, settings, is_raw=raw)):
        raise typer.Exit(1)


@app.command(epilog="Example: `tocsin watch --json --from-beginning --max 10`")
def watch(
    brokers: BrokersOption = None,
    config: ConfigOption = None,
    json_lines: JsonOption = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All alerts, not only new ones.")
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
        typer.Option(help="Many posts, one JSON object a line, and everything about each as JSON lines."),
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Ignore entities and sentiment that the file gives.")
    ] = False,
) -> None:
    """Take one post through the whole, step by step; or a file of posts, for evaluations."""
    configure_logging("warning")
    settings = load_settings(config, overrides=given(llm_url=llm_url))
    if (text is None) == (posts is None):
        raise SettingsError(["try: expected either a text or --posts FILE"])
    if posts is not None:
        from pipeline.offline.post_file import run_trial_file

        return run(run_trial_file(posts, settings, ignores_given=network))
    from pipeline.offline.one_post import run_trial

    assert text is not None
    return run(run_trial(text, settings))


def main() -> None:
    """Run the program: errors that a person can mend are one message, not a traceback."""
    try:
        app()
    except SettingsError as error:
        _fail(str(error), status=2)
    except TocsinError as error:
        _fail(str(error), status=1)
    except KeyboardInterrupt:  # while Python's own handler was in place
        sys.exit(130)


def _agent_settings(brokers: str | None, config: Path | None) -> Settings:
    """Return an agent's settings; comes before what takes seconds to load, so that a mistake is told at once."""
    end_at_once_when_told(status=0)  # an agent that is told to stop while it loads has nothing in hand
    return load_settings(config, overrides=given(brokers=brokers))


def _run_agent(run_agent: Callable[[Settings], Coroutine[Any, Any, int]], settings: Settings) -> None:
    configure_logging(settings.log_level)
    status = asyncio.run(run_agent(settings))
    if status:
        sys.exit(status)


def _fail(message: str, *, status: int) -> None:
    for line in message.splitlines():
        print(f"tocsin: {escape_unprintable(line)}", file=sys.stderr)
    sys.exit(status)
