import pytest

from pipeline.errors import BrokerUnavailableError
from pipeline.outage import until_it_works


async def test_connecting_is_tried_until_it_works() -> None:
    """Each failure is reported; the first success ends it."""
    failures: list[str] = []

    async def attempt() -> str:
        if len(failures) < 2:
            raise BrokerUnavailableError("away")
        return "there"

    assert await until_it_works(attempt, on=BrokerUnavailableError, on_failure=failures.append) == "there"
    assert len(failures) == 2


async def test_other_errors_are_not_waited_out() -> None:
    """A defect is no outage."""

    async def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_it_works(attempt, on=BrokerUnavailableError, on_failure=lambda _: None)
