"""The README against what it describes."""

import re
from pathlib import Path

import msgspec
import pytest

from pipeline.messages import Abstention, Alert, AnnotatedPost, Post
from pipeline.monitor.metrics import Metrics
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


def test_every_metric_is_listed_with_its_labels() -> None:
    """No row is of a metric that is gone, and none is missing."""
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ((?:`\w+`(?:, )?)*) ?\| ", _section("Metrics"), re.MULTILINE))
    suffixes = {"counter": "_total", "info": "_info"}
    metrics = {
        metric.name.removeprefix("tocsin_") + suffixes.get(metric.type, "")
        for metric in Metrics().registry.collect()
        if metric.name.startswith("tocsin_")
    }
    assert set(rows) == metrics
    for name, labels in rows.items():
        for sample in Metrics().registry.collect():
            if sample.name == f"tocsin_{name.removesuffix('_total')}" and sample.samples:
                own = set(sample.samples[0].labels) - {"le"}
                assert own == set(re.findall(r"\w+", labels)), name


def _section(title: str) -> str:
    return _README.split(f"\n## {title}\n")[1].split("\n## ")[0]


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
