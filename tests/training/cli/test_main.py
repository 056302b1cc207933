import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from models import DEFAULT_CHECKPOINT, load_checkpoint
from tests.training.program import invoke, refused, run
from tests.training.samples import SMALL_NETWORK, write_corpora
from training.cli.options import ROOT
from training.scoring.evaluation import SCORE_NAMES


def train(folder: Path, output: Path, *more: object) -> str:
    """Train on a dozen sentences; returns the console's output."""
    tagged, felt, glove = write_corpora(folder)
    corpora = f"{tagged},{felt}"
    changes = [f"train={corpora}", f"dev={corpora}", *SMALL_NETWORK]
    options = [part for change in changes for part in ("--set", change)]
    return invoke(
        "train",
        "--recipe",
        "plain",
        "--output",
        output,
        "--glove",
        glove,
        "--cache",
        folder / "cache",
        *options,
        *more,
    ).stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tagged.jsonl, felt.jsonl and a run of a few epochs on them."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, folder / "run", "--num-epochs", 60, "--set", "learning_rate=0.005")
    return folder


def test_a_run_leaves_settings_metrics_and_a_checkpoint(trained: Path) -> None:
    """The folder has the settings, the metrics of each epoch, and a network that loads."""
    settings = orjson.loads((trained / "run" / "recipe.json").read_bytes())
    assert (settings["variant"], settings["recipe"]["num_epochs"]) == ("E", 60)
    lines = (trained / "run" / "metrics.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["epoch"] for line in lines] == list(range(1, 61))
    checkpoint = load_checkpoint(trained / "run" / "checkpoint")
    best = max(map(orjson.loads, lines), key=lambda line: line["selection"])
    assert checkpoint.metadata["selection"]["score"] == best["selection"]


def test_evaluate_reports_every_score_or_null(trained: Path) -> None:
    """There is one JSON object for each file; a score without labels is null."""
    files = (trained / "tagged.jsonl", trained / "felt.jsonl")
    output = run("evaluate", trained / "run" / "checkpoint", *files, "--json")
    tagged, felt = (orjson.loads(line) for line in output.splitlines())
    assert set(SCORE_NAMES) <= set(tagged)
    assert tagged["entity_f1"] > 0.5
    assert tagged["sentiment_accuracy"] is None
    assert felt["entity_f1"] is None
    assert felt["sentiment_accuracy"] > 0.5
    assert tagged["sha256"] == load_checkpoint(trained / "run" / "checkpoint").sha256


def test_evaluate_agrees_with_the_scores_of_training(trained: Path) -> None:
    """The annotator's way (half precision, character offsets) and the trainer's give the same entities."""
    output = run("evaluate", trained / "run" / "checkpoint", trained / "tagged.jsonl", "--json")
    dev: dict[str, Any] = load_checkpoint(trained / "run" / "checkpoint").metadata["dev"]
    assert orjson.loads(output)["entity_f1"] == pytest.approx(dev[str(trained / "tagged.jsonl")]["entity_f1"])


def test_evaluate_writes_its_output_to_a_file(trained: Path, tmp_path: Path) -> None:
    """--output writes the printed objects as one JSON array."""
    output = tmp_path / "evaluation.json"
    files = (trained / "tagged.jsonl", trained / "felt.jsonl")
    printed = run("evaluate", trained / "run" / "checkpoint", *files, "--json", "--output", output)
    assert orjson.loads(output.read_bytes()) == [orjson.loads(line) for line in printed.splitlines()]


def test_evaluate_prints_a_table(trained: Path) -> None:
    """Without --json the output has percentages for people."""
    output = run("evaluate", trained / "run" / "checkpoint", trained / "felt.jsonl")
    assert "sentiment_macro_recall" in output
    assert "entity_f1" in output


def test_the_same_seed_writes_the_same_weights(tmp_path: Path) -> None:
    """Training is a function of its settings and data."""
    for name in ("first", "second"):
        train(tmp_path, tmp_path / name, "--num-epochs", 2)
    weights = [
        (tmp_path / name / "checkpoint" / "model.safetensors").read_bytes() for name in ("first", "second")
    ]
    assert weights[0] == weights[1]


def test_a_task_without_labels_is_pointed_out(tmp_path: Path) -> None:
    """The sentiments of a checkpoint trained on entities alone mean nothing, and the program reports that."""
    tagged, _, _ = write_corpora(tmp_path)
    one = ("--set", f"train={tagged}", "--set", f"dev={tagged}", "--num-epochs", 1)
    assert "no corpus has labels" not in train(tmp_path, tmp_path / "both", "--num-epochs", 1)
    assert "no corpus has labels for sentiment" in train(tmp_path, tmp_path / "one", *one)


def test_prepare_fills_the_cache(tmp_path: Path) -> None:
    """After prepare, the corpus lies in the cache."""
    tagged, _, _ = write_corpora(tmp_path)
    run("prepare", tagged, "--cache", tmp_path / "cache")
    assert [path.name.partition("-")[0] for path in (tmp_path / "cache").iterdir()] == ["tagged"]


def test_mistakes_end_with_a_message(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown settings, damaged corpora, foreign labels and no checkpoint end with status 1 and a message."""
    assert "speed: unknown setting" in refused(capsys, "train", "--output", tmp_path, "--set", "speed=9")
    (tmp_path / "bad.jsonl").write_text('{"tokens": ["a"], "tags": []}\n')
    assert "bad.jsonl:1: 1 tokens but 0 tags" in refused(capsys, "prepare", tmp_path / "bad.jsonl")
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text('{"tokens": ["a"], "tags": ["B-[x]"]}\n')
    checkpoint = trained / "run" / "checkpoint"
    assert "--map [x]=" in refused(capsys, "evaluate", checkpoint, foreign)
    assert "no rows with source=y" in refused(capsys, "evaluate", checkpoint, foreign, "--where", "source=y")
    assert "guidelines 'btc': expected none, because the network tells no corpora apart" in refused(
        capsys, "evaluate", checkpoint, foreign, "--source", "btc"
    )
    assert "cannot be read" in refused(capsys, "evaluate", tmp_path / "none", foreign)


def test_the_program_ends_without_a_traceback(tmp_path: Path) -> None:
    """`python -m training` itself prints one line on stderr and ends with status 1."""
    command = [sys.executable, "-m", "training", "prepare", str(tmp_path / "none.jsonl")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    assert (
        "none.jsonl: cannot be opened (No such file or directory); --data-folder or TOCSIN_DATA"
        in result.stderr
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [(), ("seeds",)])
def test_the_short_option_asks_for_help_too(command: tuple[str, ...]) -> None:
    """`-h` is `--help`, as for `tocsin`."""
    assert run(*command, "-h") == run(*command, "--help")


def test_labels_can_be_mapped_and_rows_chosen(trained: Path, tmp_path: Path) -> None:
    """--map renames the types of a corpus, --where chooses rows."""
    lines = [{"tokens": ["Paris"], "tags": ["B-place"], "source": source} for source in ("a", "a", "b")]
    path = tmp_path / "places.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    checkpoint = trained / "run" / "checkpoint"
    output = run("evaluate", checkpoint, path, "--map", "place=LOC", "--where", "source=a", "--json")
    assert orjson.loads(output)["num_texts"] == 2


def test_a_finished_run_is_not_overwritten(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run into the same folder is refused."""
    glove = trained / "glove.txt"
    options = ("--set", f"train={trained / 'felt.jsonl'}", "--set", f"dev={trained / 'felt.jsonl'}")
    cache = ("--recipe", "plain", "--cache", trained / "cache")
    message = refused(capsys, "train", "--output", trained / "run", "--glove", glove, *options, *cache)
    assert "already holds a run" in message


def test_evaluate_reports_intervals_and_baselines(trained: Path) -> None:
    """Intervals hold the scores; baselines are those of each task, with each word's tag from the training corpora."""
    files = (trained / "tagged.jsonl", trained / "felt.jsonl")
    output = run("evaluate", trained / "run" / "checkpoint", *files, "--json")
    tagged, felt = (orjson.loads(line) for line in output.splitlines())
    low, high = tagged["intervals"]["entity_f1"]
    assert low <= tagged["entity_f1"] <= high
    assert tagged["intervals"]["sentiment_accuracy"] is None
    assert set(tagged["baselines"]) == {"all_outside", "most_frequent_tag_of_word"}
    # These are its own training texts, in which only "Acme" and "London" have two tags.
    assert tagged["baselines"]["most_frequent_tag_of_word"]["entity_f1"] > 0.8
    assert felt["baselines"]["majority_sentiment"]["sentiment_accuracy"] == pytest.approx(1 / 3)
    assert set(tagged["entity_classes"]) == {"LOC", "MISC", "ORG", "PER"}


def test_a_killed_run_continues_to_the_same_weights(tmp_path: Path) -> None:
    """After a SIGKILL in the middle, the same command gives the same weights and metrics as without it."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(tmp_path, whole, "--num-epochs", 30)
    tagged, felt, glove = tmp_path / "tagged.jsonl", tmp_path / "felt.jsonl", tmp_path / "glove.txt"
    changes = [f"train={tagged},{felt}", f"dev={tagged},{felt}", *SMALL_NETWORK]
    options = [str(part) for change in changes for part in ("--set", change)]
    command = [sys.executable, "-m", "training", "train", "--recipe", "plain", "--output", str(killed)]
    command += ["--glove", str(glove), "--cache", str(tmp_path / "cache"), "--num-epochs", "30", *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        metrics = killed / "metrics.jsonl"
        wait_for(lambda: metrics.exists() and len(metrics.read_bytes().splitlines()) >= 3, seconds=120)
        process.kill()
    num_done = len(metrics.read_bytes().splitlines())
    assert num_done < 30, "the run was over before it was killed"
    train(tmp_path, killed, "--num-epochs", 30)
    assert weights(killed) == weights(whole)
    assert [without_times(line) for line in lines(killed)] == [without_times(line) for line in lines(whole)]


def weights(folder: Path) -> bytes:
    return (folder / "checkpoint" / "model.safetensors").read_bytes()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]


def without_times(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if not key.endswith("_seconds")}


def wait_for(is_true: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def test_a_files_own_guidelines_are_followed(tmp_path: Path) -> None:
    """Its rows may name corpora whose guidelines the network knows; the result reports that they were followed."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(orjson.dumps({"tokens": ["Paris"], "tags": ["B-LOC"], "source": "btc"}))
    output = tmp_path / "new" / "scores.json"
    for options, followed in (
        ((), "by row"),
        (("--source", "none"), "none"),
        (("--source", "default"), "alerts"),
    ):
        run("evaluate", DEFAULT_CHECKPOINT, path, "--output", output, *options)
        assert [result["source"] for result in orjson.loads(output.read_bytes())] == [followed]
    path.write_bytes(orjson.dumps({"tokens": ["Paris"], "tags": ["B-LOC"], "source": "none"}))
    run("evaluate", DEFAULT_CHECKPOINT, path, "--output", output)
    assert (
        orjson.loads(output.read_bytes())[0]["source"] is None
    )  # names the origin of the post, not the guidelines to follow


def test_sentiments_can_be_left_out(trained: Path) -> None:
    """A sentiment can be mapped to O, like an entity type."""
    output = run(
        "evaluate", trained / "run" / "checkpoint", trained / "felt.jsonl", "--map", "neutral=O", "--json"
    )
    assert "neutral" not in orjson.loads(output)["sentiment_classes"]


def test_training_gives_advice_on_foreign_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`train` has no --map; a file in the place of a folder gives a message too."""
    _, _, glove = write_corpora(tmp_path)
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text('{"tokens": ["a"], "tags": ["B-FOO"]}\n')
    options = ("--set", f"train={foreign}", "--set", f"dev={foreign}", "--glove", glove)
    cache = ("--recipe", "plain", "--cache", tmp_path / "cache", "--output", tmp_path / "out")
    message = refused(capsys, "train", *options, *cache)
    assert "--set 'model.entity_types=[...]'" in message
    assert "--map" not in message
    assert str(glove) in refused(capsys, "prepare", foreign, "--cache", glove)
