from typing import Any

import orjson
import pytest

from pipeline.alert.agent import decode_annotated
from pipeline.messages import AnnotatedPost
from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DeadLetter
from pipeline.messages.record import Record
from tests.pipeline.fakes import make_annotated_post, make_record


def _record(**changes: Any) -> Record:
    return make_record(orjson.dumps(orjson.loads(encode(make_annotated_post())) | changes))


@pytest.mark.parametrize(
    "stages",
    [
        [{"name": "annotate", "started_at": "2026-01-01T00:00:00Z", "seconds": -3.5}],
        [{"name": "annotate", "started_at": "yesterday", "seconds": 1}],
        [{}],
        None,
        "soon",
    ],
)
def test_odd_times_cost_no_post_its_alert(stages: object) -> None:
    """Earlier versions wrote negative ones if the clock was set back; such a dead letter can be replayed."""
    post = decode_annotated(_record(stages=stages))
    assert isinstance(post, AnnotatedPost)
    assert post.stages == []
    assert post.post == make_annotated_post().post


def test_times_that_are_right_are_kept() -> None:
    """They are passed on with the outcome."""
    assert decode_annotated(_record()) == make_annotated_post()


@pytest.mark.parametrize("changes", [{"post": 1}, {"stages": [{}], "entities": 1}])
def test_anything_else_that_is_wrong_is_buried_with_its_bytes(changes: dict[str, Any]) -> None:
    """The letter holds the record as it came and says what was wrong in it."""
    record = _record(**changes)
    letter = decode_annotated(record)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.value) == ("invalid_message", record.value)


@pytest.mark.parametrize("value", [b"[]", b"null", b"{}", b"", b"{"])
def test_what_is_no_object_is_buried(value: bytes) -> None:
    """And breaks nothing."""
    assert isinstance(decode_annotated(make_record(value)), DeadLetter)
