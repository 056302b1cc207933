import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from models import DEFAULT_CHECKPOINT
from training.cli.options import ROOT
from training.errors import WriterError
from training.writer.posts import AlertPost
from training.writer.run import WriterSources, network_views, run_writer
from training.writer.trainer import WriterRecipe


@pytest.mark.skipif(
    importlib.util.find_spec("peft") is not None,
    reason="this is the writer's environment: nothing is missing",
)
def test_the_wrong_environment_is_reported_before_training(tmp_path: Path) -> None:
    """A user who trains the writer in `.venv` is shown how to make its environment."""
    sources = WriterSources(posts=[tmp_path / "none.jsonl"], checkpoint=DEFAULT_CHECKPOINT, base=tmp_path)
    with pytest.raises(WriterError, match="make writer-env"):
        run_writer(sources, tmp_path / "out", WriterRecipe())
    assert list(tmp_path.iterdir()) == []


def test_the_writer_is_trained_on_the_networks_entities() -> None:
    """Prompts for training list the checkpoint's entities and its sentiment word."""
    post = AlertPost("t1", "Floods in Jakarta, thousands flee", (), ("Jakarta",), "negative")
    view = network_views([post], DEFAULT_CHECKPOINT)["t1"]
    assert view.entities == ("Jakarta",)
    assert view.sentiment in {"negative", "neutral", "positive"}


def test_the_writers_environment_can_start_the_program() -> None:
    """Every package that `python -m training` loads before it knows the command is in the writer's list too."""
    report = "import sys, training.cli.main; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout
    owners = metadata.packages_distributions()
    needed = {_normal(owner) for name in loaded.split() for owner in owners.get(name, ())}
    ours = [line for line in metadata.requires("tocsin") or () if 'extra == "dev"' not in line]
    direct = {_normal(_name(line)) for line in ours} & needed
    lines = (ROOT / "deploy" / "writer" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {_normal(_name(line)) for line in lines if line and not line.startswith("#")}
    assert direct
    assert direct <= listed


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
