"""The pages of the documentation, cut into the parts that tests look at: sections, tables, links, code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from pipeline.cli.main import app

ROOT = Path(__file__).parents[1]
CARDS = sorted((ROOT / "models").glob("*/*/README.md"))
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "deploy" / "README.md", *DOCS, *CARDS]

_BLOCK = re.compile(r"^```[\s\S]*?^```$|(?:^    .*\n)+", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")


def read_page(name: str) -> str:
    """Return the text of a page, named from the root of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return the text under a heading of this title, up to the next heading of its level or above."""
    lines = _without_blocks(read_page(page)).splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.lstrip("#") == f" {title}"]
    level = lines[start].count("#")
    ends = [n for n, line in enumerate(lines) if n > start and re.match(rf"#{{1,{level}}} ", line)]
    return "\n".join(lines[start + 1 : ends[0] if ends else len(lines)])


def first_column(text: str) -> list[str]:
    """Return the code in the first cells of the tables: `a`, `b` of a row are two."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return [name for cell in cells for name in _SPAN.findall(cell)]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", _without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(text: str) -> list[tuple[str, str]]:
    """Return path and anchor of each link into the repository; either may be empty."""
    found = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", _without_blocks(text))
    return [(path, anchor) for path, anchor in found if path or anchor]


def code(text: str) -> list[str]:
    """Return all code of a page: the spans in backticks, and the lines of its blocks."""
    lines = [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines()]
    return lines + _SPAN.findall(_without_blocks(text))


def commands() -> dict[str, Any]:
    """Return the commands of `tocsin` by their names; a command of a group has both names, as `dead list`."""
    by_name: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        f"{name} {sub}".strip(): command
        for name, group in by_name.items()
        for sub, command in getattr(group, "commands", {"": group}).items()
    }


def _without_blocks(text: str) -> str:
    return _BLOCK.sub("", text)
