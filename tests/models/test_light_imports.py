"""Which libraries are loaded, and when: PyTorch, torch_geometric and spaCy take seconds, so they are loaded late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import models

LIBRARIES = ("torch", "torch_geometric", "spacy")

BUILD = """
from models import VARIANTS, JointModel, Vocabularies
JointModel(VARIANTS["{variant}"], Vocabularies.build([], [], max_tail_words=0))
"""
ANNOTATE = """
from models import DEFAULT_CHECKPOINT, Annotator
Annotator.from_checkpoint(DEFAULT_CHECKPOINT, device="cpu").annotate(["A fire in Athens."])
"""


def loaded_by(code: str) -> set[str]:
    """Which of the libraries a new process has loaded after `code`."""
    report = f"import sys\nprint(*(name for name in {LIBRARIES!r} if name in sys.modules))"
    command = [sys.executable, "-W", "ignore", "-c", f"{code}\n{report}"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "models",
        "models.annotation",
        "models.checkpoints",
        "models.config",
        "models.errors",
        "models.prompts.plain_text",
        "models.prompts.prompt",
        "models.text.vocabulary",
        "models.writers",
        "pipeline.alert.role",
    ],
)
def test_modules_without_tensors_load_without_torch(module: str) -> None:
    """Neither the prompts nor the alert agent load PyTorch."""
    assert loaded_by(f"import {module}") == set()


def test_a_name_of_the_package_loads_only_its_own_module() -> None:
    """A type that is free of tensors does not bring PyTorch along."""
    assert loaded_by("from models import Annotation, ModelsError, VARIANTS, tokenize") == set()


def test_the_shipped_network_annotates_without_torch_geometric_and_spacy() -> None:
    """This network has no graph convolution and reads no parse."""
    assert loaded_by(ANNOTATE) == {"torch"}


def test_a_graph_convolution_loads_torch_geometric() -> None:
    """Variant E has one; variant F, which is E without syntax, has none."""
    assert loaded_by(BUILD.format(variant="F")) == {"torch"}
    assert loaded_by(BUILD.format(variant="E")) == {"torch", "torch_geometric"}


def test_a_variant_that_reads_a_parse_loads_spacy() -> None:
    """Its annotator brings the parser."""
    code = """
from models import VARIANTS, Annotator, Checkpoint, JointModel, Vocabularies
vocabularies = Vocabularies.build([], [], max_tail_words=0)
model = JointModel(VARIANTS["E"], vocabularies)
Annotator(Checkpoint("e", VARIANTS["E"], vocabularies, model, {}, ""))
"""
    assert loaded_by(code) == set(LIBRARIES)


def test_every_name_of_the_package_can_be_loaded() -> None:
    """The names, and no others, are those that type checkers see."""
    tree = ast.parse(Path(models.__file__).read_text(encoding="utf-8"))
    [block] = [n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    seen = {
        (alias.name, node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name for name, _ in seen} == set(models.__all__) <= set(dir(models))
    for name, module in seen:
        assert getattr(models, name) is getattr(sys.modules[str(module)], name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The error is the same as in any other module."""
    with pytest.raises(AttributeError, match="module 'models' has no attribute 'Annotater'"):
        models.__getattr__("Annotater")
