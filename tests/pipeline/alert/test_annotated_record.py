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
def test_a_post_with_invalid_stages_is_still_processed(stages: object) -> None:
    """Invalid stages are dropped: earlier versions wrote negative times, and their dead letters can be replayed."""
    post = decode_annotated(_record(stages=stages))
    assert isinstance(post, AnnotatedPost)
    assert post.stages == []
    assert post.post == make_annotated_post().post


def test_valid_stages_are_kept() -> None:
    """Stages that are valid are passed on with the outcome."""
    assert decode_annotated(_record()) == make_annotated_post()


@pytest.mark.parametrize("changes", [{"post": 1}, {"stages": [{}], "entities": 1}])
def test_a_post_with_any_other_invalid_field_becomes_a_dead_letter(changes: dict[str, Any]) -> None:
    """The letter holds the record as it came and says that the message is invalid."""
    record = _record(**changes)
    letter = decode_annotated(record)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.value) == ("invalid_message", record.value)


@pytest.mark.parametrize("value", [b"[]", b"null", b"{}", b"", b"{"])
def test_a_record_that_is_not_an_annotated_post_becomes_a_dead_letter(value: bytes) -> None:
    """JSON that is not an object, an empty object, no bytes and broken JSON each become a dead letter."""
    assert isinstance(decode_annotated(make_record(value)), DeadLetter)
