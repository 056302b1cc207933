"""JSON Schemas of the messages, generated from the types.

python -m pipeline.messages.json_schema           writes pipeline/messages/schemas/*.json
python -m pipeline.messages.json_schema --check   fails if a file differs from what the types say
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson

from pipeline.messages.alert import Abstention, Alert
from pipeline.messages.cursor import Cursor
from pipeline.messages.dead_letter import DeadLetter
from pipeline.messages.post import AnnotatedPost, Post

FOLDER = Path(__file__).with_name("schemas")
_DIALECT = "http://json-schema.org/draft-07/schema#"
# Each has a file of its name. A test asks for the message of every topic.
MESSAGES: tuple[type[msgspec.Struct], ...] = (Post, AnnotatedPost, Alert, Abstention, DeadLetter, Cursor)


def generate_schema(message_type: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a message, with its parts under `definitions`.

    The draft is 07, the newest that every reader of schemas accepts by default: ajv's default export refuses 2020-12.
    """
    (root,), parts = msgspec.json.schema_components([message_type], ref_template="#/definitions/{name}")
    name = root["$ref"].rpartition("/")[2]
    # The type itself, not a reference to it: draft 07 ignores everything beside a reference, even an `$id`.
    schema = {"$schema": _DIALECT, "$id": _id_of(name), **parts.pop(name)}
    if parts:
        schema["definitions"] = parts
    return cast(dict[str, Any], _as_draft_07(schema))


def _id_of(name: str) -> str:
    """Return the schema's name: a URN, which no tool tries to fetch. Its number grows if old readers would break."""
    return f"urn:tocsin:schema:{_snake(name)}:1"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _as_draft_07(node: Any) -> Any:
    """Write the items of a tuple as draft 07 does, and descriptions without the indents of docstrings."""
    if isinstance(node, list):
        return [_as_draft_07(child) for child in node]
    if not isinstance(node, dict):
        return node
    node = {key: _as_draft_07(child) for key, child in node.items()}
    if "prefixItems" in node:
        node |= {"items": node.pop("prefixItems"), "additionalItems": node["items"]}
    if isinstance(node.get("description"), str):
        node["description"] = inspect.cleandoc(node["description"])
    return node


def find_stale(folder: Path = FOLDER) -> list[Path]:
    """Return the files in `folder` that differ from what the types say, or are missing."""
    return [
        file for file, text in _generate(folder).items() if not file.exists() or file.read_bytes() != text
    ]


def _generate(folder: Path) -> dict[Path, bytes]:
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return {
        folder / f"{_snake(message.__name__)}.json": orjson.dumps(generate_schema(message), option=options)
        for message in MESSAGES
    }


def _main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        stale = find_stale()
        for file in stale:
            print(
                f"{file.name} is not current: run python -m pipeline.messages.json_schema",
                file=sys.stderr,
            )
        return 1 if stale else 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for file, text in _generate(FOLDER).items():
        file.write_bytes(text)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
