"""Names and links in the documentation lead to something that exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from pydoc import locate

import pytest
import typer

from tests.pages import DOCS, PAGES, ROOT, anchors, code, commands, links, read_page
from training.cli.main import app as training_app
from training.network.named_recipes import RECIPES

# Files that recipes and instructions ask the reader to make: they may exist.
_NOT_THERE_YET = {
    "pipeline/incident/",
    "pipeline/messages/incident.py",
    "pipeline/sources/bluesky.py",
    "tests/pipeline/incident/",
    "deploy/.env",
    "deploy/kafka-ca.pem",
    "deploy/kafka-client-secret",
    "deploy/kafka-password",
    "models/NAME",  # the form in which a model server names a model
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_that_a_page_names_exists(page: Path) -> None:
    """A reader can type the commands, targets of make, modules, paths and Python names."""
    names = {name for text in code(page.read_text(encoding="utf-8")) for name in _names_in(text)}
    assert {name for name in names if not _exists(*name)} == set()


def _names_in(text: str) -> Iterator[tuple[str, str]]:
    patterns = {
        "tocsin": r"(?:^|bin/|[|\s])tocsin ([a-z]+)\b(?!-)",
        "make": r"^(?:[A-Z_]+=\S+ )*make (?:[A-Z_]+=\S+ )*([a-z][a-z-]*)",
        "module": r"python -m ([\w.]+)",
        "training": r"-m training ([a-z-]+)",
        "recipe": r"--recipe (\w+)",
        "path": r"(?<![\w/.-])((?:pipeline|models|training|deploy|docs|tests|findings)/[\w./*-]*)",
        "python": r"^((?:models|pipeline|training)(?:\.\w+)+)$",
    }
    for kind, pattern in patterns.items():
        yield from ((kind, name) for name in re.findall(pattern, text))


def _exists(kind: str, name: str) -> bool:
    if kind == "tocsin":
        return name in {command.split()[0] for command in commands()}
    if kind == "make":
        return re.search(rf"^{name}:", read_page("Makefile"), re.MULTILINE) is not None
    if kind == "module":
        file = ROOT / name.replace(".", "/")
        return file.with_suffix(".py").exists() or (file / "__main__.py").exists()
    if kind == "training":
        return name in typer.main.get_command(training_app).commands  # type: ignore[attr-defined]
    if kind == "recipe":
        return name in RECIPES
    if kind == "python":
        return locate(name) is not None
    return name in _NOT_THERE_YET or any(ROOT.glob(name.rstrip("/")))


@pytest.mark.parametrize(
    "page",
    [*PAGES, *ROOT.glob("training/results/**/*.md"), ROOT / "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link into the repository has a target, and its anchor a heading."""
    dead = []
    for path, anchor in links(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(f"{path}#{anchor}")
    assert dead == []


def test_the_index_has_every_page() -> None:
    """A reader finds a page only if a question of the index leads to it."""
    named = {path for path, _ in links(read_page("docs/README.md"))}
    assert [page.name for page in DOCS if page.name not in {*named, "README.md"}] == []
