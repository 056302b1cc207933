import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka import Outgoing
from pipeline.produce import produce, read_posts, read_raw
from pipeline.settings import Settings
from tests.pipeline.fakes import FakePublisher

_SETTINGS = Settings()
_GOOD = [orjson.dumps({"id": str(n), "text": "x"}) for n in range(3)]


def test_bad_lines_are_reported_by_number_and_cost_no_other() -> None:
    """The good ones around them are sent under their ids; empty lines are nothing."""
    bad: list[tuple[int, str]] = []
    lines = [_GOOD[0], b"{", b"", b'{"id": "9"}', _GOOD[1]]
    records = list(
        read_posts(lines, _SETTINGS, on_bad=lambda number, error: bad.append((number, error.reason)))
    )
    assert [record.key for record in records] == [b"0", b"1"]
    assert bad == [(2, "undecodable"), (4, "invalid_message")]


@given(st.lists(st.binary(max_size=50)))
def test_raw_lines_are_sent_as_they_are(lines: list[bytes]) -> None:
    """Every line that is not blank is sent, whatever it holds."""
    lines = [line.replace(b"\n", b"") for line in lines]
    assert [r.value for r in read_raw(lines, _SETTINGS)] == [line.strip() for line in lines if line.strip()]


async def test_progress_counts_what_is_acknowledged() -> None:
    """Records go out in order, in batches, and the bar moves once they are with the broker."""
    publisher = FakePublisher()
    records = [Outgoing("posts", None, str(n).encode()) for n in range(1201)]
    steps: list[int] = []
    assert await produce(publisher, records, advance=steps.append) == 1201
    assert publisher.published == records
    assert steps == [500, 500, 201]
