"""Corpora that contradict each other, told apart by their annotation guidelines."""

from pathlib import Path

import numpy as np
import pytest

from models import Annotator, load_checkpoint
from tests.training.samples import TAGGED, felt_examples, parsed, tagged_examples
from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.named import guidelines_of
from training.errors import RecipeError
from training.examples.example import Example
from training.examples.glove import WordVectors
from training.network.recipe import Recipe
from training.network.run import TrainingRun
from training.network.run_inputs import RunInputs
from training.scoring.predictions import predict

SIZES = {"hidden_size": 16, "char_hidden_size": 8, "embedding_dropout": 0.1}


@pytest.fixture(scope="module")
def annotator(tmp_path_factory: pytest.TempPathFactory) -> Annotator:
    """Trained on `names`, which tags every sentence as TAGGED does, and on `blanks`, which tags none of them."""
    untagged = [Example(parsed(tuple(text.split())), ("O",) * len(text.split()), None) for text, _ in TAGGED]
    corpora = {"names-train": tagged_examples(), "blanks-train": untagged}
    recipe = Recipe(
        train=tuple(corpora),
        dev=tuple(corpora),
        num_epochs=40,
        learning_rate=0.01,
        tokens_per_batch=20,
        model={**SIZES, "sources": ["names", "blanks"], "default_source": "names", "source_dropout": 0.0},
    )
    folder = tmp_path_factory.mktemp("run")
    inputs = RunInputs(
        train=corpora, dev=corpora, pretrained=WordVectors(("in",), np.zeros((1, 100), np.float32))
    )
    run = TrainingRun("F", recipe, folder, name="t")
    run.run(inputs, on_step=lambda done, total: None, on_epoch=lambda report: None)
    return Annotator(load_checkpoint(folder / "checkpoint"))


@pytest.mark.parametrize(
    ("sources", "mistake"),
    [
        (["names"], "blanks-train: has entities, but its source 'blanks' is not in model.sources"),
        (["names", "blanks", "typo"], "no corpus to train on is called typo-"),
    ],
)
def test_sources_are_those_of_the_tagged_corpora(tmp_path: Path, sources: list[str], mistake: str) -> None:
    """A contradicting corpus that would pass for the default, and a source without a corpus, are refused."""
    corpora = {
        "names-train": tagged_examples(),
        "blanks-train": tagged_examples(),
        "tone-train": felt_examples(),
    }
    recipe = Recipe(train=tuple(corpora), dev=tuple(corpora), model={**SIZES, "sources": sources})
    inputs = RunInputs(train=corpora, dev=corpora, pretrained=WordVectors((), np.zeros((0, 100), np.float32)))
    run = TrainingRun("F", recipe, tmp_path, name="t")
    with pytest.raises(RecipeError, match=mistake):
        run.run(inputs, on_step=lambda done, total: None, on_epoch=lambda report: None)


def row(**fields: str) -> LabelledText:
    return LabelledText(
        text="Ada Lovelace lives in London",
        borders=((0, 3), (4, 12), (13, 18), (19, 21), (22, 28)),
        entities=(CharSpan(0, 12, "PER"), CharSpan(22, 28, "LOC")),
        fields=fields,
    )


def test_contradicting_corpora_are_both_learned(annotator: Annotator) -> None:
    """The very same sentence has entities by the guidelines of one corpus and none by those of the other."""
    text = "Ada Lovelace lives in London"
    [by_names], [by_blanks] = (annotator.following(name).annotate([text]) for name in ("names", "blanks"))
    assert [entity.text for entity in by_names.entities] == ["Ada Lovelace", "London"]  # type: ignore[union-attr]
    assert by_blanks.entities == ()  # type: ignore[union-attr]


def test_a_row_is_scored_by_the_guidelines_of_its_source(annotator: Annotator) -> None:
    """Given guidelines come first, then the row's own source, then the checkpoint's default."""
    rows = [row(), row(source="names"), row(source="blanks"), row(source="unheard of")]
    found = ["B-PER", "I-PER", "O", "O", "B-LOC"]
    nothing = ["O"] * 5
    assert predict(annotator, rows).guessed_tags == [found, found, nothing, found]
    assert predict(annotator, rows, guidelines="blanks").guessed_tags == [nothing] * 4
    assert predict(annotator, rows, guidelines=annotator.guidelines).guessed_tags == [found] * 4


def test_the_splits_of_a_corpus_have_its_source() -> None:
    """A file that is not in the table has no source."""
    names = ["btc-train", "twitter2017-dev", "data/btc-train.jsonl", str(Path("x-y") / "train.txt")]
    assert [guidelines_of(name) for name in names] == ["btc", "twitter2017", "", ""]
