"""`tocsin up`: runs the local stack until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import (
    DEFAULT_KAFKA_FOLDER,
    ConfigOption,
    Kafka,
    LangOption,
    LlmOption,
    LlmServer,
    LlmUrlOption,
    ModelOption,
    SourceUrlOption,
    WordsOption,
    kafka_folder,
    stack_settings,
    vllm_model,
)
from pipeline.errors import SettingsError
from pipeline.printable import escape_unprintable

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.local.stack import LocalStack, StackOptions


def up(
    broker_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the broker; 0 takes a free one.")
    ] = 9092,
    metrics_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_533,
            help="Port of the annotate agent's metrics; each further process takes the next one.",
        ),
    ] = 9108,
    llm_url: LlmUrlOption = None,
    config: ConfigOption = None,
    kafka: Annotated[
        Kafka, typer.Option(help="Broker to start: embedded loses its data when it stops, apache keeps it.")
    ] = Kafka.EMBEDDED,
    data: Annotated[
        Path | None,
        typer.Option(help=f"Folder for the data of Apache Kafka; {DEFAULT_KAFKA_FOLDER} if not set."),
    ] = None,
    llm: LlmOption = LlmServer.LLAMA_CPP,
    model: ModelOption = None,
    source: Annotated[
        str | None, typer.Option(help="Live source to read, as `tocsin source` does: bluesky, for example.")
    ] = None,
    lang: LangOption = None,
    words: WordsOption = None,
    source_url: SourceUrlOption = None,
) -> None:
    """Run a broker, an LLM server and every agent on this machine until Ctrl-C."""
    import asyncio

    from pipeline.local.stack import StackOptions
    from pipeline.monitor.logs import configure_logging

    configure_logging("warning")
    if source is None and (lang, words, source_url) != (None, None, None):
        raise SettingsError(["--lang, --words, --source-url: for a live source alone: add --source NAME"])
    kafka_data = kafka_folder(kafka, data)
    settings = stack_settings(
        config, llm_url, source_languages=lang, source_words=words, source_url=source_url
    )
    options = StackOptions(
        broker_port,
        metrics_port,
        settings,
        kafka_data,
        vllm_model(llm, model, settings),
        awaits_llm=True,
        source=source,
    )
    if source is not None:
        _check_source(source, options)
    asyncio.run(run_up(options))


def _check_source(name: str, options: StackOptions) -> None:
    """Raise `SettingsError` for what would otherwise end up in the log of a source that ends."""
    from pipeline.settings import Settings
    from pipeline.sources.live.registry import build_source

    # The source publishes to the stack's own broker, whatever the user's broker is.
    chosen = {n: v for n, v in options.settings.items() if not n.startswith("kafka_")}
    build_source(name, Settings.model_validate(chosen | {"brokers": f"127.0.0.1:{options.broker_port or 1}"}))
    if name == "kafka" and "source_brokers" not in chosen and options.kafka_data is None:
        raise SettingsError(["TOCSIN_SOURCE_BROKERS: not set, and the broker that is started here is empty"])


async def run_up(options: StackOptions) -> None:
    """Start the stack, print its addresses, and stop it on Ctrl-C or SIGTERM.

    Raises:
        LocalServiceError: a part does not come up, or ends by itself.
    """
    from rich.console import Console

    from pipeline.stopping import Stop, unless

    console, stop = Console(), Stop.on_signal()

    async def announce_stop() -> None:
        await stop.wait()
        console.print("stopping")

    await unless(_run(options, console), announce_stop())


async def _run(options: StackOptions, console: Console) -> None:
    from pipeline.local.stack import local_stack

    def report(step: str) -> None:
        console.print(f"… {escape_unprintable(step)}", highlight=False, markup=False, soft_wrap=True)

    async with local_stack(options, report=report) as stack:
        _describe(stack, options, console)
        await stack.wait_for_failure()


def _describe(stack: LocalStack, options: StackOptions, console: Console) -> None:
    s = stack.settings
    posts = f"   (and from {options.source}, as fast as it gives them)" if options.source else ""
    kind = f"Apache Kafka, data in {options.kafka_data}" if options.kafka_data else "embedded, data in memory"
    no_alert = f"posts without an alert: {s.topic_abstained}, not processed: {s.topic_dead}"
    lines = [
        ("broker", f"{s.brokers}   ({kind})"),
        ("posts in", f"{s.topic_posts}{posts}"),
        ("alerts out", f"{s.topic_alerts}   ({no_alert})"),
        ("LLM", s.llm_url),
        *(("metrics", f"{url}   ({name})") for name, url in stack.metrics_urls.items()),
        ("logs", f"{stack.folder}/*.log   (deleted at the end)"),
        ("commands", f"tocsin watch --brokers {s.brokers}"),
        ("", f"tocsin produce posts.jsonl --brokers {s.brokers}"),
        ("", f"tocsin dead list --brokers {s.brokers}"),
        ("stop", "Ctrl-C"),
    ]
    for name, value in lines:
        console.print(f"{name:>11}  {value}", highlight=False, markup=False, soft_wrap=True)
