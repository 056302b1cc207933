"""`tocsin up`: the local stack until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal

from rich.console import Console

from pipeline.local.stack import LocalStack, StackOptions, local_stack
from pipeline.printable import escape_unprintable


async def run_up(options: StackOptions) -> None:
    """Start the stack, say where it is, and stop it on Ctrl-C or SIGTERM.

    Raises:
        LocalServiceError: a part does not come up, or ends by itself.
    """
    console = Console()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    work = asyncio.ensure_future(_run(options, console))
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        return work.result()
    console.print("stopping")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return None


async def _run(options: StackOptions, console: Console) -> None:
    def report(step: str) -> None:
        console.print(f"… {escape_unprintable(step)}", highlight=False, markup=False, soft_wrap=True)

    async with local_stack(options, report=report) as stack:
        _describe(stack, options, console)
        await stack.wait_for_failure()


def _describe(stack: LocalStack, options: StackOptions, console: Console) -> None:
    s = stack.settings
    kind = f"Apache Kafka, data in {options.kafka_data}" if options.kafka_data else "embedded, data in memory"
    lines = [
        ("broker", f"{s.brokers}   ({kind})"),
        ("posts in", s.topic_posts),
        (
            "alerts out",
            f"{s.topic_alerts}   (posts without one: {s.topic_abstained}, unusable: {s.topic_dead})",
        ),
        ("LLM", s.llm_url),
        *(("metrics", url) for url in stack.metrics_urls),
        ("try", f"tocsin watch --brokers {s.brokers}"),
        ("", f"tocsin produce posts.jsonl --brokers {s.brokers}"),
        ("", f"tocsin dead list --brokers {s.brokers}"),
        ("stop", "Ctrl-C"),
    ]
    for name, value in lines:
        console.print(f"{name:>11}  {value}", highlight=False, markup=False, soft_wrap=True)
