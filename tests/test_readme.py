"""The README against what it describes."""

import re
from pathlib import Path

import msgspec
import pytest

from pipeline.messages import Abstention, Alert, AnnotatedPost, Post
from pipeline.settings import PREFIX, Settings

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.md").read_text()


def test_every_setting_is_listed_with_its_default() -> None:
    """Name and default stand in one row of the table, and no row is of a setting that is gone."""
    rows = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \| (?:`([^`]*)`)? ?\|", _README, flags=re.MULTILINE))
    defaults = {
        name.upper(): "" if field.default is None else str(field.default).lower()
        for name, field in Settings.model_fields.items()
    }
    assert {name: default.lower() for name, default in rows.items()} == defaults


@pytest.mark.parametrize("message", [Post, AnnotatedPost, Alert, Abstention])
def test_every_field_of_a_message_is_named(message: type[msgspec.Struct]) -> None:
    """A user finds each field that comes out of a topic."""
    fields = [field.name for field in msgspec.structs.fields(message)]
    assert [name for name in fields if f"`{name}`" not in _README] == []


@pytest.mark.parametrize("package", ["pipeline", "models", "training"])
def test_the_tree_has_a_phrase_for_every_module(package: str) -> None:
    """Whoever adds a file says in the README what it is for."""
    modules = [file.name for file in (_ROOT / package).glob("*.py") if not file.name.startswith("__")]
    assert [
        name for name in modules if not re.search(rf"^ +{re.escape(name)} +\S", _README, re.MULTILINE)
    ] == []


def test_relative_links_lead_somewhere() -> None:
    """Every link into the repository has a target."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", _README)
    assert targets
    assert [target for target in targets if not (_ROOT / target).exists()] == []
