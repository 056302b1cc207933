from __future__ import annotations

import pytest

from pipeline.sources.live.mastodon.status_ids import order, rewound


def test_ids_are_ordered_by_length_and_then_by_characters() -> None:
    assert sorted(["10", "9", "115000000000000000", "99999999999999999"], key=order) == [
        "9",
        "10",
        "99999999999999999",
        "115000000000000000",
    ]


@pytest.mark.parametrize(
    ("status_id", "earlier"),
    [
        ("115000000000000000", str(115000000000000000 - (60_000 << 16))),
        ("42", "42"),  # a number without a time in it
        ("01J8ZQ5Y3T", "01J8ZQ5Y3T"),  # of another kind of server
    ],
)
def test_an_id_is_rewound_by_its_time(status_id: str, earlier: str) -> None:
    assert rewound(status_id, 60.0) == earlier
