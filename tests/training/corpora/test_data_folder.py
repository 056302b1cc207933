from pathlib import Path

import pytest

from training.corpora import data_folder
from training.corpora.data_folder import find_data_folder


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder into which the repository was cloned; the clone itself is the working folder."""
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.setattr(data_folder, "_REPOSITORY", tmp_path / "clone")
    return tmp_path


def test_a_fresh_clone_looks_for_its_data_in_the_working_folder(clone: Path) -> None:
    """The folder may not exist yet; an error about a missing corpus then names a folder to put it in."""
    assert find_data_folder({}) == Path("data")


def test_a_shared_folder_beside_the_clone_is_used_if_there_is_no_data_folder(clone: Path) -> None:
    """The clone's own folder comes first, and a folder that the environment names comes before both."""
    shared = clone / "shared" / "data"
    shared.mkdir(parents=True)
    assert find_data_folder({}) == shared
    (clone / "clone" / "data").mkdir()
    assert find_data_folder({}) == Path("data")
    assert find_data_folder({"TOCSIN_DATA": "/corpora"}) == Path("/corpora")
