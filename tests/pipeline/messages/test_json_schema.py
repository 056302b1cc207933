from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema.validators import validator_for

from pipeline.messages.codec import encode
from pipeline.messages.dead_letter import DeadLetter
from pipeline.messages.json_schema import FOLDER, MESSAGES, find_stale
from pipeline.topology import CURSORS, TOPICS, Topic
from tests.pipeline.fakes import make_annotated_post
from tests.pipeline.messages.schema_messages import NAMES, good_messages, wrong_messages


@cache
def _validator(name: str) -> Any:
    schema = orjson.loads((FOLDER / f"{name}.json").read_bytes())
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def test_the_schemas_in_the_repository_are_current() -> None:
    """A message that was changed needs its schema written again."""
    assert find_stale() == []
    assert {file.stem for file in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("topic", [*TOPICS, CURSORS], ids=lambda topic: topic.setting)
def test_the_message_of_every_topic_has_a_schema(topic: Topic) -> None:
    """`make schemas` writes the schemas of `MESSAGES` alone; a new message belongs there."""
    assert (topic.message or DeadLetter) in MESSAGES


def test_a_stale_schema_is_found(tmp_path: Path) -> None:
    """A file that differs by one byte is reported, and a missing one."""
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert find_stale(tmp_path) == []
    (tmp_path / "post.json").write_bytes(b"{}")
    (tmp_path / "alert.json").unlink()
    assert {file.name for file in find_stale(tmp_path)} == {"post.json", "alert.json"}


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_names_itself_and_its_message(name: str) -> None:
    """It has a dialect, a name that leads to no server, a title, and is of an object."""
    schema = orjson.loads((FOLDER / f"{name}.json").read_bytes())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"] == f"urn:tocsin:schema:{name}:1"
    assert schema["title"] == "".join(word.capitalize() for word in name.split("_"))
    assert schema["type"] == "object"
    assert "\n  " not in schema["description"]


def test_every_message_follows_its_schema() -> None:
    """An independent validator accepts the messages made from all records of strangers; bytes are Base64 there."""
    num_good = 0
    for name, message in good_messages():
        assert list(_validator(name).iter_errors(message)) == []
        num_good += 1
    assert num_good > 200


def test_no_invalid_message_follows_its_schema() -> None:
    """A part that is missing, of another type or out of its range is found."""
    for name, message in wrong_messages():
        assert not _validator(name).is_valid(message), (name, message)


def test_an_invalid_part_is_found_in_its_place() -> None:
    """The validator names the place of an invalid part, for example in an entity of a list."""
    message = orjson.loads(encode(make_annotated_post()))
    message["entities"][0]["score"] = 1.5
    errors = _validator("annotated_post").iter_errors(message)
    assert [error.json_path for error in errors] == ["$.entities[0].score"]
