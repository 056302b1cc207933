"""What comes with the package."""

from pathlib import Path

import pytest

from models import DEFAULT_CHECKPOINT, Annotation, Annotator, load_checkpoint

SHIPPED = sorted(DEFAULT_CHECKPOINT.parent.iterdir())


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_shipped_checkpoint_is_small_described_and_works(folder: Path) -> None:
    """It has at most 30 MB and a card, bears its folder's name, and finds a place in a plain sentence."""
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 30_000_000
    assert (folder / "README.md").read_text(encoding="utf-8").startswith(f"# Checkpoint `{folder.name}`")
    checkpoint = load_checkpoint(folder)
    assert checkpoint.name == folder.name
    [annotation] = Annotator(checkpoint).annotate(["A fire broke out in Athens on Friday ."])
    assert isinstance(annotation, Annotation)
    assert [(entity.text, entity.type) for entity in annotation.entities] == [("Athens", "LOC")]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_no_shipped_vocabulary_tells_of_a_person(folder: Path) -> None:
    """No account and no e-mail address of the training texts is published."""
    words = load_checkpoint(folder).vocabularies.words
    assert [word for word in words if "@" in word and word != "@"] == []
