import uuid
from pathlib import Path

import orjson
from jsonschema import Draft202012Validator

from pipeline.codec import encode
from pipeline.dead_letter import bury
from pipeline.errors import UndecodableError
from pipeline.messages import outcome_id
from pipeline.schemas import FOLDER, find_stale, generate_schema
from tests.pipeline.fakes import make_annotated_post, make_record


def test_the_outcome_id_depends_on_the_post_alone() -> None:
    """The same post has the same id in every process, and another post another one."""
    assert outcome_id("p1") == outcome_id("p1") == str(uuid.UUID(outcome_id("p1")))
    assert outcome_id("p1") != outcome_id("p2")


def test_the_schemas_in_the_repository_are_current() -> None:
    """Whoever changes a message has to write its schema anew."""
    assert find_stale() == []


def test_a_stale_schema_is_found(tmp_path: Path) -> None:
    """A file that differs by one byte is reported, and a missing one."""
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert find_stale(tmp_path) == []
    (tmp_path / "post.json").write_bytes(b"{}")
    (tmp_path / "alert.json").unlink()
    assert {file.name for file in find_stale(tmp_path)} == {"post.json", "alert.json"}


def test_messages_obey_their_schemas() -> None:
    """What we write passes an independent validator, and what is wrong does not."""
    annotated = make_annotated_post()
    validator = Draft202012Validator(generate_schema(type(annotated)))
    document = orjson.loads(encode(annotated))
    validator.validate(document)
    document["entities"][0]["score"] = 1.5
    assert [error.json_path for error in validator.iter_errors(document)] == ["$.entities[0].score"]


def test_a_dead_letter_obeys_its_schema() -> None:
    """Bytes are Base64 there."""
    letter = bury(make_record(b"\xff"), UndecodableError("not JSON"), stage="decode")
    Draft202012Validator(generate_schema(type(letter))).validate(orjson.loads(encode(letter)))
