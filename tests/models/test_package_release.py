from importlib import metadata

import pytest
import torch

from models.package_release import release


@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cpu", "2.13.0+cu130", "2.13.0+cu130.git1a2b"])
def test_builds_of_one_release_are_equal(version: str) -> None:
    """The local part of a version does not matter."""
    assert release(version) == "2.13.0"


@pytest.mark.parametrize("version", ["2.13.0rc1", "2.13.0.post1", "2.13.1"])
def test_other_releases_are_different(version: str) -> None:
    """A release candidate or a correction is another release too."""
    assert release(version) == version


def test_pip_and_torch_agree_on_the_release() -> None:
    """Their full versions may differ, as they do for PyPI's build."""
    assert release(metadata.version("torch")) == release(torch.__version__)
