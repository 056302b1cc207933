from __future__ import annotations

import httpx
import pytest

from pipeline.sources.live.http.limits import is_used_up, wait_seconds

_NOW = 1_795_996_400.0  # 400 seconds before 30 November 2026


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "Mon, 30 Nov 2026 00:00:00 GMT"}, 400.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 400}, 3_600.0),
        ({"x-rate-limit-reset": "1795996430"}, 30.0),
        ({"x-rate-limit-reset": "1"}, 0.0),
        ({"x-rate-limit-reset": "NaN"}, None),
        ({"X-RateLimit-Reset": "2026-11-30T00:00:00.000000Z"}, 400.0),
        ({"X-RateLimit-Reset": "99999-11-30"}, None),
        ({"Retry-After": "soon", "x-rate-limit-reset": "1795996430"}, 30.0),
        ({"Retry-After": "5", "x-rate-limit-reset": "1795996430"}, 5.0),
    ],
)
def test_the_wait_is_the_servers(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_seconds(httpx.Headers(headers), _NOW) == seconds


def test_a_limit_is_used_up_at_zero() -> None:
    assert is_used_up(httpx.Headers({"X-RateLimit-Remaining": "0"}))
    assert not is_used_up(httpx.Headers({"X-RateLimit-Remaining": "10"}))
    assert not is_used_up(httpx.Headers({}))
