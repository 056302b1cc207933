"""The house: which files and folders a reader finds, and how many at once."""

from __future__ import annotations

import ast
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.pages import CARDS, DOCS, ROOT, read_page

_PACKAGES = ("pipeline", "models", "training")
_MAX_ENTRIES = 12
# The root shows all rooms at once: 18 entries, and two more may come before rooms have to be put together.
_MORE_ENTRIES = {"pipeline": 20}


def _is_tracked(path: Path) -> bool:
    ignored = [line.strip("/") for line in read_page(".gitignore").splitlines() if line]
    return not path.is_symlink() and not any(fnmatch(path.name, pattern) for pattern in [*ignored, ".*"])


def _rooms() -> list[Path]:
    """Return the packages and every package in them."""
    return sorted(file.parent for package in _PACKAGES for file in (ROOT / package).rglob("__init__.py"))


def _entries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if _is_tracked(path) and path.name != "__init__.py"]


def _name(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", _rooms(), ids=_name)
def test_a_folder_can_be_seen_at_a_glance(room: Path) -> None:
    """A folder has at most a dozen entries; a room that grows beyond that becomes two."""
    names = [path.name for path in _entries(room)]
    assert len(names) <= _MORE_ENTRIES.get(_name(room), _MAX_ENTRIES), names


@pytest.mark.parametrize("room", _rooms(), ids=_name)
def test_a_rooms_docstring_has_a_phrase_for_every_file(room: Path) -> None:
    """A new file needs a phrase in its room's docstring."""
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    entries = [path for path in _entries(room) if path.suffix == ".py" or (path / "__init__.py").exists()]
    names = [path.stem for path in entries if path.name != "__main__.py"]
    if (
        _name(room) in _PACKAGES
    ):  # a package's docstring names them on the way of a post, or of a training run
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []
    else:
        assert [name for name in names if not _has_line(name, text)] == []


def _has_line(name: str, text: str) -> bool:
    """Whether a line begins with the name and goes on with a phrase."""
    beginning = rf"^ *(?:[-*] )?`?{re.escape(name)}(?:\.py|/)?`?:? +\S"
    return re.search(beginning, text, re.MULTILINE) is not None


def test_the_readme_has_a_phrase_for_every_folder() -> None:
    """It has the folders of the root and of the three packages, and names no folder that does not exist."""
    house = read_page("README.md").split("\n## The house\n")[1].split("```")[1]
    named: dict[str, set[str]] = {}
    for line in house.splitlines():
        folders, _, phrase = line.partition("   ")
        assert not line or phrase.strip(), line
        if not line.startswith(" ") and line:
            top = folders.strip().rstrip("/")
            named[top] = set()
        named.setdefault(top if line else "", set()).update(re.findall(r"(?<![\w/])(\w+)/(?!\w)", line))
    folders_of = {
        path.name: {child.name for child in _entries(path) if child.is_dir()}
        for path in _entries(ROOT)
        if path.is_dir()
    }
    assert set(named) - {""} == set(folders_of)
    for package in _PACKAGES:
        assert named[package] - {package} == folders_of[package]
    assert named["tests"] <= {"tests", *folders_of["tests"]}


def test_the_architecture_page_has_the_floors_of_the_contract() -> None:
    """A reader sees there which room may import which, exactly as `make check` enforces it."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", read_page("docs/architecture.md"), re.MULTILINE)
    floors = [{room for floor, room in rows if floor == number} for number in dict(rows)]
    contracts = tomllib.loads(read_page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["pipeline"]]
    assert floors == [set(layer.split(" | ")) for layer in layers]


def test_the_readme_is_a_door() -> None:
    """Its length and width allow reading it in five minutes on any screen."""
    lines = read_page("README.md").splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


@pytest.mark.parametrize(
    "page", [*DOCS, *CARDS, ROOT / "CONTRIBUTING.md", ROOT / "deploy/README.md"], ids=_name
)
def test_a_page_answers_one_question(page: Path) -> None:
    """A page of 250 lines should be two pages."""
    assert len(page.read_text(encoding="utf-8").splitlines()) < 250
