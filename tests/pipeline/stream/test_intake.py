"""How an agent takes in its batches, without a broker."""

from __future__ import annotations

from dataclasses import replace

from pipeline.messages.record import Record
from pipeline.monitor.metrics import Metrics
from pipeline.stream.intake import Intake, Parts
from pipeline.topology import ANNOTATE
from tests.pipeline.fakes import make_record


def test_a_batch_is_counted_and_its_tombstones_are_finished() -> None:
    """The other records keep their order and are not finished; an empty value is a value."""
    metrics, finished = Metrics("annotate"), list[Record]()
    records = [make_record(value, offset=n) for n, value in enumerate((b"a", None, b"", None, b"ccc"))]
    intake = Intake(ANNOTATE, metrics)
    taken = intake.take(records, finished.append)
    assert [record.offset for record in taken] == [0, 2, 4]
    assert [record.offset for record in finished] == [1, 3]
    counted = metrics.registry.get_sample_value
    assert counted("tocsin_posts_received_total", {"agent": "annotate"}) == 5
    assert counted("tocsin_tombstones_total", {"agent": "annotate"}) == 2
    assert counted("tocsin_batch_size_sum", {"agent": "annotate"}) == 5


def test_records_are_in_flight_until_their_work_ends() -> None:
    """They leave the count even if the work fails."""
    metrics = Metrics("annotate")
    intake = Intake(ANNOTATE, metrics)
    seen = []
    try:
        with intake.in_flight(3):
            seen.append(metrics.registry.get_sample_value("tocsin_posts_in_flight"))
            raise ZeroDivisionError
    except ZeroDivisionError:
        seen.append(metrics.registry.get_sample_value("tocsin_posts_in_flight"))
    assert seen == [3, 0]


def test_a_record_is_finished_after_the_last_of_its_parts() -> None:
    """In whatever order they end, also among the parts of others; a record of no part is finished at once."""
    finished: list[Record] = []
    whole = Parts(finished.append)
    several, one, none = (make_record(b"x", offset=n) for n in range(3))
    # Equal records are told apart by what they are, not by what they hold.
    parts = [replace(several, index=0), replace(several, index=0), replace(several, index=1)]
    whole.begin(several, parts)
    whole.begin(one, [one])
    whole.begin(none, [])
    assert finished == [none]
    whole.finish(parts[2])
    whole.finish(parts[0])
    whole.finish(one)
    assert finished == [none, one]
    whole.finish(parts[1])
    assert finished == [none, one, several]
