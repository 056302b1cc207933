from hypothesis import given
from hypothesis import strategies as st

from pipeline.dead_letter import bury, from_record, to_headers
from pipeline.errors import UndecodableError
from pipeline.records import Record
from tests.pipeline.fakes import make_record


@given(value=st.none() | st.binary(), key=st.none() | st.binary(), message=st.text())
def test_a_dead_letter_keeps_the_record_and_says_why(
    value: bytes | None, key: bytes | None, message: str
) -> None:
    """Written to the topic and read back it is the same: original bytes, headers, and the reason."""
    message = message.encode(errors="replace").decode()
    record = make_record(value, offset=5, key=key)
    letter = bury(record, UndecodableError(message), stage="decode")
    on_topic = Record(
        "posts.dead", 0, 0, record.timestamp, record.key, record.value, tuple(to_headers(letter))
    )
    assert from_record(on_topic) == letter
    assert (letter.value, letter.key, letter.headers) == (value, key, [("trace", b"\xff\x00")])
    assert (letter.stage, letter.reason, letter.message, letter.origin.offset) == (
        "decode",
        "undecodable",
        message,
        5,
    )
