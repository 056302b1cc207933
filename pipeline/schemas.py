"""JSON Schemas of the messages, generated from the types.

python -m pipeline.schemas           writes pipeline/schemas/*.json
python -m pipeline.schemas --check   fails where a file is not what the types say
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson

from pipeline.dead_letter import DeadLetter
from pipeline.messages import Abstention, Alert, AnnotatedPost, Post

FOLDER = Path(__file__).with_name("schemas")
_FILES: dict[str, type[msgspec.Struct]] = {
    "post": Post,
    "annotated_post": AnnotatedPost,
    "alert": Alert,
    "abstention": Abstention,
    "dead_letter": DeadLetter,
}


def generate_schema(message_type: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a message, with its parts under `$defs`."""
    schema = msgspec.json.schema(message_type)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def find_stale(folder: Path = FOLDER) -> list[Path]:
    """Return the files in `folder` that differ from what the types say, or are missing."""
    return [
        file for file, text in _generate(folder).items() if not file.exists() or file.read_bytes() != text
    ]


def _generate(folder: Path) -> dict[Path, bytes]:
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return {
        folder / f"{name}.json": orjson.dumps(generate_schema(t), option=options)
        for name, t in _FILES.items()
    }


def _main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        stale = find_stale()
        for file in stale:
            print(f"{file.name} is not current: run python -m pipeline.schemas", file=sys.stderr)
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
