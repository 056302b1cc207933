import logging

import pytest

from pipeline.alert.role import warn_of_short_stall
from pipeline.settings import Settings


@pytest.mark.parametrize(
    ("stall", "timeout", "ends", "warning"),
    [
        (300.0, 60.0, True, None),
        (
            10.0,
            60.0,
            False,
            "TOCSIN_STALL_SECONDS=10 is not longer than TOCSIN_LLM_TIMEOUT_SECONDS=60: a slow answer",
        ),
        (60.0, 60.0, True, "would look like a stall and end this process (TOCSIN_STALL_EXIT)"),
    ],
)
def test_a_stall_time_that_one_slow_answer_exceeds_is_logged(
    stall: float, timeout: float, ends: bool, warning: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent still starts; the warning names both settings, and says if the process would be ended."""
    settings = Settings(stall_seconds=stall, llm_timeout_seconds=timeout, stall_exit=ends)
    with caplog.at_level(logging.WARNING):
        warn_of_short_stall(settings)
    assert [warning in record.getMessage() for record in caplog.records if warning] == (
        [True] if warning else []
    )
    assert len(caplog.records) == (warning is not None)
