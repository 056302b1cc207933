"""`tocsin up`: runs the local stack until Ctrl-C."""

from __future__ import annotations

from rich.console import Console

from pipeline.local.stack import LocalStack, StackOptions, local_stack
from pipeline.printable import escape_unprintable
from pipeline.stopping import Stop, unless
from pipeline.topology import ROLES


async def run_up(options: StackOptions) -> None:
    """Start the stack, print its addresses, and stop it on Ctrl-C or SIGTERM.

    Raises:
        LocalServiceError: a part does not come up, or ends by itself.
    """
    console, stop = Console(), Stop.on_signal()

    async def announce_stop() -> None:
        await stop.wait()
        console.print("stopping")

    await unless(_run(options, console), announce_stop())


async def _run(options: StackOptions, console: Console) -> None:
    def report(step: str) -> None:
        console.print(f"… {escape_unprintable(step)}", highlight=False, markup=False, soft_wrap=True)

    async with local_stack(options, report=report) as stack:
        _describe(stack, options, console)
        await stack.wait_for_failure()


def _describe(stack: LocalStack, options: StackOptions, console: Console) -> None:
    s = stack.settings
    kind = f"Apache Kafka, data in {options.kafka_data}" if options.kafka_data else "embedded, data in memory"
    no_alert = f"posts without an alert: {s.topic_abstained}, not processed: {s.topic_dead}"
    lines = [
        ("broker", f"{s.brokers}   ({kind})"),
        ("posts in", s.topic_posts),
        ("alerts out", f"{s.topic_alerts}   ({no_alert})"),
        ("LLM", s.llm_url),
        *(("metrics", f"{url}   ({role.name})") for role, url in zip(ROLES, stack.metrics_urls, strict=True)),
        ("logs", f"{stack.folder}/*.log   (deleted at the end)"),
        ("commands", f"tocsin watch --brokers {s.brokers}"),
        ("", f"tocsin produce posts.jsonl --brokers {s.brokers}"),
        ("", f"tocsin dead list --brokers {s.brokers}"),
        ("stop", "Ctrl-C"),
    ]
    for name, value in lines:
        console.print(f"{name:>11}  {value}", highlight=False, markup=False, soft_wrap=True)
