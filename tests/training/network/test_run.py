"""Inputs that a run refuses: others than those it began with, and those that could teach or choose nothing."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import Sentence
from tests.training.samples import felt_examples, tagged_examples
from training.errors import RecipeError, RunStateError
from training.examples.example import Example
from training.examples.glove import WordVectors
from training.network.recipe import Recipe
from training.network.run import TrainingRun
from training.network.run_inputs import RunInputs
from training.network.trainer import EpochReport, Trainer
from training.network.trainer_state import read_state, write_state

Corpora = Mapping[str, Sequence[Example]]

SIZES = {"hidden_size": 8, "char_hidden_size": 8, "gcn_size": 8}
CORPORA: Corpora = {"tagged": tagged_examples(), "felt": felt_examples()}
VECTORS = WordVectors(("london", "cat"), np.ones((2, 100), np.float32))


class KilledError(Exception):
    """Stands for a kill."""


def inputs(train: Corpora = CORPORA, dev: Corpora = CORPORA, vectors: WordVectors = VECTORS) -> RunInputs:
    return RunInputs(train=train, dev=dev, pretrained=vectors)


def run(
    output: Path, given: RunInputs, on_epoch: Callable[[EpochReport], None] = lambda report: None
) -> None:
    recipe = Recipe(train=tuple(given.train), dev=tuple(given.dev), num_epochs=2, model=SIZES)
    training = TrainingRun("E", recipe, output, name="t")
    training.run(given, on_step=lambda done, total: None, on_epoch=on_epoch)


def run_and_kill(output: Path) -> None:
    def kill(report: EpochReport) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        run(output, inputs(), kill)


def _hang_on_first(example: Example) -> Example:
    words = example.sentence.words
    return replace(
        example, sentence=Sentence(words, (0,) + (1,) * (len(words) - 1), example.sentence.deprels)
    )


@pytest.mark.parametrize(
    ("given", "other"),
    [
        (inputs(vectors=WordVectors(("london", "dog"), VECTORS.vectors)), "word_vectors"),
        (inputs(vectors=WordVectors(VECTORS.words, VECTORS.vectors + 1)), "word_vectors"),
        (
            inputs({**CORPORA, "tagged": [_hang_on_first(e) for e in CORPORA["tagged"]]}, CORPORA),
            "data.tagged",
        ),
    ],
    ids=["other words", "other vectors", "other parses"],
)
def test_a_killed_run_continues_only_with_its_own_inputs(
    tmp_path: Path, given: RunInputs, other: str
) -> None:
    """Otherwise a word would get another word's vector, or the network parses of another parser."""
    given = replace(given, dev={**CORPORA, "tagged": given.train["tagged"]})
    run_and_kill(tmp_path)
    with pytest.raises(RecipeError, match=f"with another {other}: "):
        run(tmp_path, given)
    run(tmp_path, inputs())


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    """The error is one line, without PyTorch's traceback."""
    run_and_kill(tmp_path)
    state = read_state(tmp_path / "state.safetensors")
    name = next(name for name in state.tensors if name.startswith("model."))
    tensors = {**state.tensors, name: torch.zeros(1)}
    write_state(tmp_path / "state.safetensors", replace(state, tensors=tensors))
    with pytest.raises(RunStateError, match="another network"):
        run(tmp_path, inputs())


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        (inputs(train={**CORPORA, "none": []}), "none: has no text"),
        (inputs(dev={"none": []}), "none: has no text"),
        (inputs(train={"tagged": CORPORA["tagged"]}, dev={"felt": CORPORA["felt"]}), "dev: has no labels"),
    ],
)
def test_a_run_that_could_teach_or_choose_nothing_is_refused(
    tmp_path: Path, given: RunInputs, mistake: str
) -> None:
    """Otherwise the run would succeed with a network that is random, or that of the first epoch."""
    with pytest.raises(RecipeError, match=mistake):
        run(tmp_path, given)
    assert not (tmp_path / "recipe.json").exists()


def _shown(given: RunInputs, recipe: Recipe, output: Path, monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """Return the examples that a run of variant F gives its trainer, as the trainer would vary them."""
    shown: list[Example] = []

    def fit(trainer: Trainer, train: Sequence[Example], dev: Corpora, **callbacks: object) -> None:
        vary = trainer._vary or (lambda example, random_state: example)
        shown.extend(vary(example, random.Random(1)) for example in train)
        raise KilledError

    monkeypatch.setattr(Trainer, "fit", fit)
    training = TrainingRun("F", recipe, output, name="t")
    with pytest.raises(KilledError):
        training.run(given, on_step=lambda done, total: None, on_epoch=lambda report: None)
    return shown


def test_a_repeated_corpus_comes_more_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch has its texts as many times as the recipe says, and those of the others once."""
    recipe = Recipe(train=("tagged", "felt"), dev=("tagged",), repeats={"tagged": 3}, model=SIZES)
    shown = _shown(inputs(), recipe, tmp_path, monkeypatch)
    assert [shown.count(example) for example in CORPORA["tagged"]] == [3] * len(CORPORA["tagged"])
    assert [shown.count(example) for example in CORPORA["felt"]] == [1] * len(CORPORA["felt"])


def test_texts_of_the_default_guidelines_are_varied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names change in the corpus that is served, and in no other."""
    train: Corpora = {"a-train": tagged_examples(), "b-train": tagged_examples()}
    model = {**SIZES, "sources": ["a", "b"], "default_source": "a"}
    recipe = Recipe(train=tuple(train), dev=tuple(train), variation=1.0, model=model)
    shown = _shown(inputs(train, train), recipe, tmp_path, monkeypatch)
    words = {
        source: [example.sentence.words for example in shown if example.sentence.guidelines == source]
        for source in "ab"
    }
    before = [example.sentence.words for example in tagged_examples()]
    assert words["b"] == before
    assert len(words["a"]) == len(before)
    assert words["a"] != before
