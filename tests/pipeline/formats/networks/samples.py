"""The sample files of the formats, and the documents in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.formats.format import Format
from pipeline.formats.registry import FORMATS

SAMPLES = Path(__file__).parent.parent / "samples"
FILES = sorted(SAMPLES.iterdir())
BY_NAME = {form.name: form for form in FORMATS}
NETWORKS = [form for form in FORMATS if form.name != "tocsin"]


def format_of(file: Path) -> Format:
    """Return the format of a sample: its file is named after it."""
    name = file.stem.removesuffix("-item").removesuffix("-entry")
    return next(form for form in FORMATS if form.name == name)


def documents(file: Path) -> list[Any]:
    """Return the documents in a sample."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    if file.suffix == ".json":
        document = json.loads(text)
        return document if isinstance(document, list) else [document]
    return [text]


def document(name: str, number: int = 0) -> Any:
    """Return one document of a sample."""
    return documents(SAMPLES / name)[number]


def read(name: str, value: Any) -> list[Any]:
    """Return the items of a document, read as the format with this name."""
    return list(BY_NAME[name].read(value))  # type: ignore[index]
