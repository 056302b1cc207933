from importlib import metadata

import pytest
import torch

from models.package_release import release


@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cpu", "2.13.0+cu130", "2.13.0+cu130.git1a2b"])
def test_builds_of_one_release_are_one(version: str) -> None:
    """Whatever the build says of itself."""
    assert release(version) == "2.13.0"


@pytest.mark.parametrize("version", ["2.13.0rc1", "2.13.0.post1", "2.13.1"])
def test_another_release_is_another(version: str) -> None:
    """Also where it is a candidate or a correction."""
    assert release(version) == version


def test_pip_and_torch_agree_on_the_release() -> None:
    """With PyPI's build their full versions are not the same."""
    assert release(metadata.version("torch")) == release(torch.__version__)
