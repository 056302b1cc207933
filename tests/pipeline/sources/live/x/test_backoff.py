from __future__ import annotations

import pytest

from pipeline.errors import SourceUnavailableError
from pipeline.sources.live.http.site import StatusUnavailableError
from pipeline.sources.live.x.backoff import Backoff

_NETWORK = SourceUnavailableError("drop")
_STATUS = StatusUnavailableError("503")
_LIMIT = StatusUnavailableError("429", is_rate_limit=True)


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (_NETWORK, [0.0, 0.25, 0.5, 0.75]),
        (_STATUS, [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 320.0]),
        (_LIMIT, [60.0, 120.0, 240.0, 480.0, 960.0, 960.0]),
        (StatusUnavailableError("429", is_rate_limit=True, retry_after=17.0), [17.0, 17.0]),
        (StatusUnavailableError("503", retry_after=7.0), [7.0, 10.0]),
    ],
)
def test_each_kind_of_failure_has_the_wait_that_x_asks_for(
    error: SourceUnavailableError, waits: list[float]
) -> None:
    backoff = Backoff()
    assert [backoff.seconds(error) for _ in waits] == waits


def test_the_waits_have_an_end_and_begin_anew_after_a_success() -> None:
    backoff = Backoff()
    assert max(backoff.seconds(_NETWORK) for _ in range(5_000)) == 16.0
    assert backoff.seconds(_STATUS) == 320.0
    backoff.reset()
    assert backoff.seconds(_NETWORK) == 0.0
