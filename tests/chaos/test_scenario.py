"""Figures are compared with bars."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.faults import DEFAULT, SCENARIOS
from tests.chaos.scenario import Bar, Figures, breaches

_WELL = Figures(
    missing=0,
    doubled=0,
    differing=0,
    re_alerted=0,
    dead=0,
    unknown=0,
    recovery_seconds=3.0,
    memory_growth=0.01,
)
_STRICT = Bar(doubled=0, recovery_seconds=60.0, memory_growth=0.1)


def test_figures_at_the_bar_hold_it() -> None:
    """A figure equal to its bar is allowed."""
    assert breaches(replace(_WELL, recovery_seconds=60.0, memory_growth=0.1), _STRICT) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"missing": 1},
        {"doubled": 1},
        {"differing": 1},
        {"re_alerted": 1},
        {"dead": 1},
        {"unknown": 1},
        {"recovery_seconds": 60.1},
        {"recovery_seconds": None},
        {"memory_growth": 0.11},
        {"is_settled": False},
        {"broken": ("3 fuzzed records without an outcome",)},
    ],
)
def test_every_figure_can_miss_the_bar(wrong: dict[str, Any]) -> None:
    """One wrong figure is one breach; a figure that was not measured holds no bar."""
    assert len(breaches(replace(_WELL, **wrong), _STRICT)) == 1


def test_a_figure_without_a_bar_is_not_judged() -> None:
    """At-least-once delivery may double posts, unless the scenario forbids it."""
    assert breaches(replace(_WELL, doubled=7, recovery_seconds=None), Bar()) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_scenario_lets_a_post_be_lost(name: str) -> None:
    """Each bar allows no missing post, and every scenario but the hour at steady load runs by default."""
    assert SCENARIOS[name].bar.missing == 0
    assert (name in DEFAULT) == (name != "steady")
