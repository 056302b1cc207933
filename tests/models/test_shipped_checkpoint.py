"""The network that comes with the package, and the size of the repository that carries it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from models import DEFAULT_CHECKPOINT, Annotation, Annotator, Checkpoint, load_checkpoint

ROOT = Path(__file__).parents[2]
MAX_CHECKPOINT_BYTES = 30_000_000
MAX_TRACKED_BYTES = 45 * 2**20


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(DEFAULT_CHECKPOINT)


def test_one_checkpoint_is_shipped() -> None:
    """The folder of checkpoints holds the default one and no other."""
    folders = [path for path in DEFAULT_CHECKPOINT.parent.iterdir() if path.is_dir()]
    assert [path for path in folders if path.name != "__pycache__"] == [DEFAULT_CHECKPOINT]


def test_the_shipped_checkpoint_is_small_and_described(checkpoint: Checkpoint) -> None:
    """It has at most 30 MB and a card, and has its folder's name."""
    name = DEFAULT_CHECKPOINT.name
    assert sum(file.stat().st_size for file in DEFAULT_CHECKPOINT.iterdir()) <= MAX_CHECKPOINT_BYTES
    assert (DEFAULT_CHECKPOINT / "README.md").read_text(encoding="utf-8").startswith(f"# Checkpoint `{name}`")
    assert checkpoint.name == name


def test_the_shipped_checkpoint_works(checkpoint: Checkpoint) -> None:
    """It finds a place in a plain sentence."""
    [annotation] = Annotator(checkpoint).annotate(["A fire broke out in Athens on Friday ."])
    assert isinstance(annotation, Annotation)
    assert [(entity.text, entity.type) for entity in annotation.entities] == [("Athens", "LOC")]


def test_the_shipped_vocabulary_names_no_account(checkpoint: Checkpoint) -> None:
    """No user name and no e-mail address of the training texts is published."""
    assert [word for word in checkpoint.vocabularies.words if "@" in word and word != "@"] == []


def test_the_repository_stays_small() -> None:
    """The tracked files have at most 45 MiB together, so that a clone takes seconds."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("needs git and a clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert paths
    # A file that was deleted but not yet committed is still listed.
    total = sum(path.stat().st_size for path in paths if path.exists())
    assert total <= MAX_TRACKED_BYTES, f"{total / 2**20:.1f} MiB are tracked"
