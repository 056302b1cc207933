from pathlib import Path

import orjson
import pytest

from tests.training.program import refused, run
from tests.training.samples import SMALL_NETWORK, write_corpora
from training.cli.seeds import _test_splits

MORE = ("num_epochs=2", "max_tail_words=5")


def test_several_seeds_are_reported_as_their_mean(tmp_path: Path) -> None:
    """Each seed leaves a checkpoint and its scores; a second call trains nothing."""
    tagged, felt, glove = write_corpora(tmp_path)
    changes = (f"train={tagged},{felt}", f"dev={tagged},{felt}", *SMALL_NETWORK, *MORE)
    command = ["seeds", "--seeds", 2, "--test", f"{tagged},{felt}", "--output", tmp_path / "out"]
    command += ["--glove", glove, "--cache", tmp_path / "cache"]
    command += [part for change in changes for part in ("--set", change)]
    shown = run(*command)
    scores = orjson.loads((tmp_path / "out" / "scores.json").read_bytes())
    assert scores["seeds"] == [1, 2]
    f1 = scores["test"][str(tagged)]["entity_f1"]
    assert f1["mean"] == pytest.approx(sum(f1["values"]) / 2)
    assert "entity_f1" in shown
    assert scores["model"]["hidden_size"] == 32
    assert "sentiment_macro_recall" in scores["test"][str(felt)]
    checkpoints = sorted((tmp_path / "out").glob("F-seed*/checkpoint/model.safetensors"))
    assert len(checkpoints) == 2
    before = [path.stat().st_mtime_ns for path in checkpoints]
    run(*command)
    assert [path.stat().st_mtime_ns for path in checkpoints] == before
    run(*["1" if part == 2 else part for part in command])
    assert orjson.loads((tmp_path / "out" / "scores.json").read_bytes())["seeds"] == [1]


def test_a_test_corpus_that_does_not_fit_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the error would come after hours of training."""
    tagged, felt, glove = write_corpora(tmp_path)
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text('{"tokens": ["a"], "tags": ["B-FOO"]}\n')
    options = [part for change in (f"train={tagged},{felt}", f"dev={tagged}") for part in ("--set", change)]
    places = ("--output", tmp_path / "out", "--glove", glove, "--cache", tmp_path / "cache")
    assert "foreign.jsonl cannot be scored" in refused(capsys, "seeds", "--test", foreign, *places, *options)
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "data.json"]


def test_by_default_the_test_splits_of_the_recipes_dev_corpora_are_scored() -> None:
    """Dev corpora without a test split are left out."""
    assert _test_splits(("conll2003-dev", "tweebank-dev", "wnut17six-dev")) == [
        "conll2003-test",
        "wnut17six-test",
    ]


def test_an_unknown_test_corpus_is_refused_before_any_corpus_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of the recipe's corpora is in the folder, and the error names the unknown corpus alone."""
    options = ("--data-folder", tmp_path, "--output", tmp_path / "out", "--cache", tmp_path / "cache")
    message = refused(capsys, "seeds", "--test", "nosuch", *options)
    assert message.startswith("error: unknown corpus 'nosuch': ")
    assert list(tmp_path.iterdir()) == []
