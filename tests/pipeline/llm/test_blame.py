import asyncio

import pytest

from pipeline.llm.blame import Blame
from pipeline.llm.http import LlmFailsError, LlmLostError, LlmTimeoutError
from pipeline.llm.options import RetryLimits
from pipeline.llm.refusal import Refusal, RequestRefusedError

_FAILS, _TIMEOUT, _LOST = LlmFailsError("500"), LlmTimeoutError("late"), LlmLostError("gone")
_REFUSED = RequestRefusedError("LLM server", Refusal("status 400"))


def _blame(line: asyncio.Lock | None = None) -> Blame:
    return Blame(line or asyncio.Lock(), max_blame=4)


def test_failures_during_an_outage_are_not_held_against_a_prompt() -> None:
    """The number of failures during the outage does not matter."""
    blame = _blame()
    for _ in range(100):
        blame.note(_FAILS, is_server_well=False)
        blame.note(_TIMEOUT, is_server_well=False)
    assert not blame.is_proven


def test_failures_beside_answered_twins_add_up() -> None:
    """The prompt is to blame after as many failures as allowed."""
    blame = _blame()
    for _ in range(4):
        assert not blame.is_proven
        blame.note(_FAILS, is_server_well=True)
    assert blame.is_proven


def test_the_first_death_of_the_server_makes_a_suspect_and_further_deaths_count() -> None:
    """A prompt in flight by chance is not blamed. One that kills the server whenever it is tried alone is."""
    blame = _blame()
    blame.note(_LOST, is_server_well=False)
    assert blame.needs_proof
    for _ in range(4):
        assert not blame.is_proven
        blame.note(_LOST, is_server_well=False)
    assert blame.is_proven


@pytest.mark.parametrize(("is_server_doubted", "expected"), [(False, 5), (True, 20)])
def test_refusals_count_more_than_failures_unless_the_server_is_doubted(
    is_server_doubted: bool, expected: int
) -> None:
    """A server does not refuse by accident; but one that has refused harmless questions may do so again."""
    blame = Blame(asyncio.Lock(), max_blame=RetryLimits.max_failures)
    num_refused = 0
    while not blame.is_proven:
        blame.note(_REFUSED, is_server_well=True, is_server_doubted=is_server_doubted)
        num_refused += 1
    assert num_refused == expected


async def test_suspects_are_tried_one_at_a_time() -> None:
    """Otherwise a prompt that kills the server would make every prompt in flight look guilty. Others do not wait."""
    line = asyncio.Lock()
    suspects = [_blame(line) for _ in range(3)]
    running = most = 0

    async def attempt(blame: Blame) -> None:
        nonlocal running, most
        async with blame.trial():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    await asyncio.gather(*map(attempt, suspects))
    assert most == 3
    most = 0
    for blame in suspects:
        blame.note(_LOST, is_server_well=False)
    await asyncio.gather(*map(attempt, suspects))
    assert most == 1
