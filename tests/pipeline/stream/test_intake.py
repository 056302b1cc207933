"""How an agent takes in its batches, without a broker."""

from __future__ import annotations

from pipeline.messages.dead_letter import DeadLetter
from pipeline.messages.record import Record
from pipeline.monitor.metrics import Metrics
from pipeline.stream.intake import Intake
from pipeline.topology import ANNOTATE
from tests.pipeline.fakes import make_record


def _intake(metrics: Metrics) -> Intake[int]:
    return Intake(ANNOTATE, metrics, lambda record: len(record.value or b""))


def test_a_batch_is_counted_and_its_tombstones_are_finished() -> None:
    """The other records keep their order and are not finished; an empty value is a value."""
    metrics, finished = Metrics("annotate"), list[Record]()
    records = [make_record(value, offset=n) for n, value in enumerate((b"a", None, b"", None, b"ccc"))]
    intake = _intake(metrics)
    taken = intake.take(records, finished.append)
    assert [record.offset for record in taken] == [0, 2, 4]
    assert [record.offset for record in finished] == [1, 3]
    counted = metrics.registry.get_sample_value
    assert counted("tocsin_posts_received_total", {"agent": "annotate"}) == 5
    assert counted("tocsin_tombstones_total", {"agent": "annotate"}) == 2
    assert counted("tocsin_batch_size_sum", {"agent": "annotate"}) == 5
    decoded: list[int | DeadLetter] = intake.decode(taken)
    assert decoded == [1, 0, 3]


def test_records_are_in_flight_until_their_work_ends() -> None:
    """They leave the count even if the work fails."""
    metrics = Metrics("annotate")
    intake = _intake(metrics)
    seen = []
    try:
        with intake.in_flight(3):
            seen.append(metrics.registry.get_sample_value("tocsin_posts_in_flight"))
            raise ZeroDivisionError
    except ZeroDivisionError:
        seen.append(metrics.registry.get_sample_value("tocsin_posts_in_flight"))
    assert seen == [3, 0]
