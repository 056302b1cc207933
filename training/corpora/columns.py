"""Column files of the CoNLL tasks: a token and its tag on each line, a blank line between sentences.

The first column is the token, the last the tag; columns between them (part of speech, chunk) are ignored. Spaces or
tabs separate columns. The paper's data have this layout too (`token label`). A -DOCSTART- line begins a document and is
never a sentence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.corpora.json_formats import parse_token_line, tag_problems
from training.corpora.labelled_text import LabelledText
from training.corpora.lines import read_lines
from training.errors import CorpusError

SUFFIXES = (".tsv", ".txt", ".conll", ".bio", ".iob")
DOCUMENT_START = "-DOCSTART-"

Problems = list[tuple[int, str]]


@dataclass(slots=True)
class _Block:
    """A sentence as it stands in the file, token by token."""

    lines: list[int]
    tokens: list[str]
    tags: list[str]
    is_document_start: bool


def read_columns(path: Path) -> list[LabelledText]:
    """Read a column file with IOB2 or IOB1 tags; raises CorpusError with every damaged line."""
    problems: Problems = []
    blocks = list(_blocks(read_lines(path), problems))
    if _is_iob1([block.tags for block in blocks]):
        for block in blocks:
            block.tags = _to_iob2(block.tags)
    rows = [row for block in blocks if (row := _parse(block, problems)) is not None]
    if problems:
        raise CorpusError(path, sorted(problems))
    return rows


def _blocks(lines: Sequence[bytes], problems: Problems) -> Iterator[_Block]:
    block = _Block([], [], [], is_document_start=False)
    starts_document = False
    for number, line in enumerate([*lines, b""], start=1):
        cells = _cells(line, number, problems)
        if cells and cells[0] == DOCUMENT_START:
            starts_document = True
        elif cells:
            if not block.tokens:
                block = _Block([], [], [], is_document_start=starts_document)
                starts_document = False
            block.lines.append(number)
            block.tokens.append(cells[0])
            block.tags.append(cells[-1])
        elif not line.strip() and block.tokens:
            yield block
            block = _Block([], [], [], is_document_start=False)


def _cells(line: bytes, number: int, problems: Problems) -> list[str]:
    """Return the line's columns; none for a blank or a damaged line."""
    try:
        text = line.decode().rstrip("\r")
    except UnicodeDecodeError as error:
        problems.append((number, f"not UTF-8 ({error.reason} at byte {error.start + 1})"))
        return []
    cells = [cell.strip() for cell in text.split("\t")] if "\t" in text else text.split()
    if cells and (len(cells) < 2 or not cells[0] or not cells[-1]) and text.strip():
        problems.append((number, f"expected a token and a tag, found {text.strip()[:60]!r}"))
        return []
    return cells if text.strip() else []


def _parse(block: _Block, problems: Problems) -> LabelledText | None:
    fields: dict[str, Any] = {"doc_start": True} if block.is_document_start else {}
    wrong = tag_problems(block.tags)
    problems += [(block.lines[index], problem) for index, problem in wrong]
    return None if wrong else parse_token_line({"tokens": block.tokens, "tags": block.tags, **fields})


def _is_iob1(sentences: Sequence[Sequence[str]]) -> bool:
    """Return whether every B- follows an entity of its own type: only IOB1 keeps B- for that."""
    return all(
        before[2:] == tag[2:]
        for tags in sentences
        for before, tag in zip(["O", *tags], tags, strict=False)
        if tag.startswith("B-")
    )


def _to_iob2(tags: Sequence[str]) -> list[str]:
    return [
        f"B{tag[1:]}" if tag.startswith("I-") and before[2:] != tag[2:] else tag
        for before, tag in zip(["O", *tags], tags, strict=False)
    ]
