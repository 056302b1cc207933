"""`tocsin watch`: shows alerts as they come."""

from __future__ import annotations

from rich.console import Console

from pipeline.errors import RecordError
from pipeline.kafka.cluster import Cluster
from pipeline.kafka.reading.follow import follow
from pipeline.messages.record import Record
from pipeline.outcomes.outcome import Outcome, is_deletion, read_outcome, to_json
from pipeline.outcomes.render import render_outcome
from pipeline.printable import json_line, printable
from pipeline.settings import Settings


async def run_watch(
    settings: Settings, *, as_json: bool, from_beginning: bool, max_alerts: int | None
) -> None:
    """Show alerts until cancelled, or until `max_alerts` are shown.

    Raises:
        BrokerUnavailableError: there is no broker, or no topic of alerts.
        KafkaAccessError: the broker refuses us.
    """
    output, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    num_alerts = 0

    def report(problem: str) -> None:
        errors.print(printable(problem, max_characters=1_000), style="yellow", markup=False)

    async with follow(
        Cluster.of(settings), [settings.topic_alerts], from_beginning=from_beginning, report=report
    ) as records:
        async for record in records:
            alert = _read_alert(record, settings, errors)
            if alert is None:
                continue
            if as_json:
                print(json_line(to_json(alert)["alert"]), flush=True)
            else:
                output.print(render_outcome(alert, received_at=record.timestamp))
            num_alerts += 1
            if num_alerts == max_alerts:
                return


def _read_alert(record: Record, settings: Settings, errors: Console) -> Outcome | None:
    """Return the alert in the record; None for a deletion, and for a record without an alert, which is shown."""
    if is_deletion(record, settings):
        return None
    try:
        return read_outcome(record, settings)
    except RecordError as error:
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        errors.print(f"{origin}: {printable(str(error))}", style="red", markup=False)
        return None
