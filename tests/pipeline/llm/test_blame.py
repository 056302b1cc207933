import asyncio

import pytest

from pipeline.llm.blame import Blame, Failure


def _blame(line: asyncio.Lock | None = None) -> Blame:
    return Blame(line or asyncio.Lock(), max_blame=4)


def test_failures_of_a_server_that_fails_on_everybody_say_nothing() -> None:
    """However many there are."""
    blame = _blame()
    for _ in range(100):
        blame.note(Failure.ANSWER, is_server_well=False)
        blame.note(Failure.TIMEOUT, is_server_well=False)
    assert not blame.is_proven


def test_failures_beside_answers_to_others_add_up() -> None:
    """After as many as allowed the prompt is to blame."""
    blame = _blame()
    for _ in range(4):
        assert not blame.is_proven
        blame.note(Failure.ANSWER, is_server_well=True)
    assert blame.is_proven


def test_the_first_death_of_the_server_makes_a_suspect_and_the_next_ones_speak_against_it() -> None:
    """What was in flight by chance is not blamed; what kills the server each time it is tried alone is."""
    blame = _blame()
    blame.note(Failure.LOST, is_server_well=False)
    assert blame.needs_proof
    for _ in range(4):
        assert not blame.is_proven
        blame.note(Failure.LOST, is_server_well=False)
    assert blame.is_proven


@pytest.mark.parametrize(("is_server_doubted", "expected"), [(False, 5), (True, 20)])
def test_refusals_count_more_than_failures_unless_the_server_is_doubted(
    is_server_doubted: bool, expected: int
) -> None:
    """A refusal is no accident; but a server that has refused harmless requests may do so again."""
    blame = Blame(asyncio.Lock())
    num_refused = 0
    while not blame.is_proven:
        blame.note(Failure.REFUSED, is_server_well=True, is_server_doubted=is_server_doubted)
        num_refused += 1
    assert num_refused == expected


async def test_suspects_are_tried_one_at_a_time() -> None:
    """Or one that kills the server would throw suspicion on the others for ever; who is no suspect need not wait."""
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
        blame.note(Failure.LOST, is_server_well=False)
    await asyncio.gather(*map(attempt, suspects))
    assert most == 1
