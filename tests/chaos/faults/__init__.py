"""The scenarios by name, in the order of the report."""

from tests.chaos.faults import brokers, ends, foreign, fuzz, llm, replay, steady, workers
from tests.chaos.scenario import Scenario

_ALL = (
    *ends.SCENARIOS,
    *workers.SCENARIOS,
    *brokers.SCENARIOS,
    *llm.SCENARIOS,
    *replay.SCENARIOS,
    *fuzz.SCENARIOS,
    *foreign.SCENARIOS,
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in (*_ALL, steady.SCENARIO)}

# The scenarios that run by default: the steady hour has to be asked for.
DEFAULT: tuple[str, ...] = tuple(scenario.name for scenario in _ALL)
