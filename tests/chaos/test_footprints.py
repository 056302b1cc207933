"""The growth of the agents' memory, files and tasks."""

import math

import pytest

from tests.chaos.footprints import FootprintLog, drift, growth
from tests.chaos.worker import Footprint


def _taken(*resident: float) -> list[Footprint]:
    return [
        Footprint(seconds=n, resident_bytes=held, open_files=held, tasks=0) for n, held in enumerate(resident)
    ]


def test_growth_is_seen_and_the_first_quarter_does_not_count() -> None:
    """The first quarter may hold anything; the last is compared with the second."""
    grown = _taken(1, 1, 100, 100, 100, 100, 110, 110)
    assert drift(grown, lambda f: f.resident_bytes) == pytest.approx(0.1)
    assert growth(grown, lambda f: f.open_files) == 10
    assert growth(_taken(1, 9, 5, 5, 9, 9, 5, 5), lambda f: f.open_files) == 0


def test_too_few_looks_give_nan() -> None:
    """NaN holds no bar, because every comparison with it is false."""
    assert math.isnan(drift(_taken(1, 2, 3), lambda f: f.resident_bytes))


def test_the_process_that_grew_most_counts() -> None:
    """Each process is compared with itself, and one that started after the fault with nothing."""
    log = FootprintLog()
    log.by_process["a"] = _taken(100, 110, 105, 121)
    log.by_process["b"] = _taken(500, 500, 500, 500)
    log.by_process["late"] = _taken(1, 2, 3, 900)[2:]
    assert log.growth_since(1.5) == pytest.approx(0.1)
