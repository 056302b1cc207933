from pathlib import Path

import pytest

from tests.training.samples import felt_examples, tagged_examples
from training.errors import FeatureStoreError
from training.examples.packed import ARRAYS_FILE, TEXTS_FILE, read_examples, write_examples


def test_examples_come_back_as_they_were(tmp_path: Path) -> None:
    """Words, parses and both kinds of labels survive the disk, missing labels too."""
    examples = [*tagged_examples(), *felt_examples()]
    write_examples(tmp_path, examples)
    assert read_examples(tmp_path) == examples


def test_an_empty_corpus_comes_back(tmp_path: Path) -> None:
    """A corpus whose rows were all filtered out is not an error."""
    write_examples(tmp_path, [])
    assert read_examples(tmp_path) == []


@pytest.mark.parametrize("name", [ARRAYS_FILE, TEXTS_FILE])
@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_damage_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    """A missing, empty or foreign file is reported with what to do."""
    write_examples(tmp_path, tagged_examples())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FeatureStoreError, match="delete it"):
        read_examples(tmp_path)
