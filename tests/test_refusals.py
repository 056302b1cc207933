"""The quotes in docs/refusals*.md are words of the code: a row for a line that was reworded would be useless."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from pipeline.settings import Settings
from pipeline.settings.checks import variable_of
from tests.pages import ROOT, read_page

# Words of the system, pydantic, aiokafka, librdkafka and Java, and our own lines that consist nearly of values alone.
_NOT_OUR_WORDS = (
    "input should be",
    "Address already in use",
    "Cannot assign requested address",
    "Name or service not known",
    "Address family not supported",
    "Unable connect to node",
    "The cluster does not support",
    "API version not supported",
    "tocsin_",
    "not a Post: ... at",
    "1,204 posts sent to posts",
    "is busy: status",
    "records not replayed",
    "asking for model",
)
_MIN_SHARE = 0.25
_PLACEHOLDERS = {"TOCSIN_X", "SETTING", "_FILE"}  # in quotes of lines that many settings share
_RUN = 3  # words in a row that a quote and the code must share
_VALUE = "\0"

Words = tuple[str, ...]


def _runs(text: str) -> set[Words]:
    """Return the runs of words in a text; no run crosses a value."""
    found: set[Words] = set()
    for part in text.split(_VALUE):
        words = re.findall(r"[a-z][\w'-]*", part.lower())
        found |= {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}
    return found


def _texts_of_the_code() -> Iterator[str]:
    """Yield every string of the packages, with marks in the place of values."""
    for package in ("pipeline", "models"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(
                        str(part.value) if isinstance(part, ast.Constant) else _VALUE for part in node.values
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield re.sub(r"%[-.\d]*[sdfr]", _VALUE, node.value)


def _quotes(page: str) -> list[str]:
    """Return the quotes in the first cells of a page's tables, without those that are not our words."""
    rows = [line for line in read_page(page).splitlines() if line.startswith("| ")]
    quoted = [quote for row in rows for quote in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    return [quote for quote in quoted if not any(words in quote for words in _NOT_OUR_WORDS)]


def _without_values(quote: str) -> str:
    """Replace everything that stands for a value in a quote by a mark: dots, capitals, numbers."""
    return re.sub(r"\.\.\.|\b[A-Z]+(?![a-z])[A-Z_:/0-9]*\b|\d[\d,.]*", _VALUE, quote)


_EVERY_PAGE = pytest.mark.parametrize(
    "page", ["docs/refusals.md", "docs/refusals-kafka.md", "docs/refusals-llm.md"]
)


@_EVERY_PAGE
def test_quoted_lines_are_in_the_code(page: str) -> None:
    """A minimum share of each quote's runs of words occurs in the strings of the code."""
    known = set().union(*map(_runs, _texts_of_the_code()))
    quotes = {quote: runs for quote in _quotes(page) if (runs := _runs(_without_values(quote)))}
    assert len(quotes) > 10
    assert [quote for quote, runs in quotes.items() if len(runs & known) / len(runs) < _MIN_SHARE] == []


@_EVERY_PAGE
def test_quoted_settings_have_the_names_that_the_program_shows(page: str) -> None:
    """An error shows a setting with its value as `TOCSIN_NAME=VALUE`: never as the field, never one that is gone."""
    variables = set(map(variable_of, Settings.model_fields))
    quotes = re.findall(r"`([^`]+)`", read_page(page))
    assigned = {name for quote in quotes for name in re.findall(r"(\w+)=(?='|\.\.\.)", quote)}
    assert assigned - variables - _PLACEHOLDERS == set()
    assert assigned & variables or page == "docs/refusals-llm.md"
