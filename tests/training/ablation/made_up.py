"""Made-up results of runs, for tests of the programs that read results."""

from collections.abc import Sequence
from typing import Any

from training.ablation.results import RunResult

NUM_TEXTS = 200
TAGGED, FELT = "tagged-test", "felt-test"


def result(
    row: str, seed: int, *, missed: Sequence[int] = (), wrong: Sequence[int] = (), dev: float = 0.9
) -> RunResult:
    """A run that misses the one entity of some texts and gets the sentiment of others wrong."""
    recall = 1 - len(missed) / NUM_TEXTS
    accuracy = 1 - len(wrong) / NUM_TEXTS
    scores = {"entity_f1": 2 * recall / (1 + recall), "token_weighted_f1": 0.97}
    felt = {"sentiment_accuracy": accuracy, "sentiment_macro_f1": accuracy}
    epoch = {"entity_loss": 0.2, "sentiment_loss": None, "dev": {"t": {"entity_f1": dev}, "s": felt}}
    return RunResult(
        row=row,
        seed=seed,
        settings=f"hash-{row}",
        recipe={"num_epochs": 2, "sentiment_share": 1.0},
        model={},
        versions={"torch": "2"},
        num_parameters={"all": 100, "without_word_vectors": 50},
        best_epoch=2,
        train_seconds=60.0,
        epochs=[epoch, epoch],
        dev={"t": {**scores, "entity_f1": dev}, "s": felt},
        test={TAGGED: scores, FELT: felt},
        imperfect={TAGGED: [[text, 0, 0] for text in missed], FELT: [[text, 1, 0] for text in wrong]},
    )


def data() -> dict[str, Any]:
    """Statistics of test corpora with one entity, or one sentiment, for each text."""
    split = {
        "num_tagged": NUM_TEXTS,
        "num_documents": 3,
        "tags": {"B-LOC": 7140, "O": 500},
        "lengths": {"mean": 2.0, "median": 2, "max": 70, "histogram": {"2": 199, "70": 1}},
        "sentiments": {"negative": 50, "positive": 150},
    }
    gold = [1] * NUM_TEXTS
    return {
        "corpora": {"train": ["tagged-train"], "dev": ["tagged-dev"], "test": [TAGGED, FELT]},
        "splits": dict.fromkeys(("train", "dev", "test"), split),
        "test": {
            TAGGED: {"is_tagged": True, "gold": gold, "baselines": {"all_outside": {"entity_f1": 0.0}}},
            FELT: {
                "is_tagged": False,
                "gold": gold,
                "baselines": {"majority_sentiment": {"sentiment_accuracy": 0.75}},
            },
        },
    }


def speed(**rates: float) -> dict[str, Any]:
    """Posts per second of each row."""
    measured = {
        name.replace("_", "-"): {"annotator": rate, "network": 2 * rate} for name, rate in rates.items()
    }
    return {
        "corpus": "tagged-dev",
        "num_texts": 100,
        "num_epochs": 5,
        "rounds": 3,
        "batch_texts": 10,
        "machine": "test",
        "posts_per_second": measured,
    }
