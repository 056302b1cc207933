"""What the runs learnt from and are scored on, counted: the paper's Table 1 and Figure 2, and baselines."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.corpora.labelled_text import LabelledText
from training.scoring.baselines import frequent_tags
from training.scoring.counts import count_entities, count_sentiments
from training.scoring.evaluation import baselines
from training.scoring.predictions import Predictions, corpus_tags, corpus_words

SPLITS = ("train", "dev", "test")
Rows = Mapping[str, Sequence[LabelledText]]


def describe_data(train: Rows, dev: Rows, test: Rows) -> dict[str, Any]:
    """Counts by split, and for each test corpus its gold labels a text and what trivial guesses score on it."""
    tagged = [row for rows in train.values() for row in rows if row.entities is not None]
    tag_of = frequent_tags((corpus_words(row), corpus_tags(row)) for row in tagged)
    splits = dict(zip(SPLITS, (train, dev, test), strict=True))
    return {
        "corpora": {split: list(of_split) for split, of_split in splits.items()},
        "splits": {split: _describe(_all(of_split)) for split, of_split in splits.items()},
        "test": {name: _describe_test(rows, tag_of) for name, rows in test.items()},
    }


def _all(rows: Rows) -> list[LabelledText]:
    return [row for of_corpus in rows.values() for row in of_corpus]


def _describe(rows: Iterable[LabelledText]) -> dict[str, Any]:
    rows = list(rows)
    tags = [corpus_tags(row) for row in rows if row.entities is not None]
    lengths = [len(of_text) for of_text in tags]
    return {
        "num_tagged": len(tags),
        "num_documents": sum(bool(row.fields.get("doc_start")) for row in rows),
        "tags": dict(sorted(Counter(tag for of_text in tags for tag in of_text).items())),
        "lengths": {
            "mean": statistics.fmean(lengths) if lengths else 0,
            "median": statistics.median(lengths) if lengths else 0,
            "max": max(lengths, default=0),
            "histogram": {str(length): n for length, n in sorted(Counter(lengths).items())},
        },
        "sentiments": dict(sorted(Counter(row.sentiment for row in rows if row.sentiment).items())),
    }


def _describe_test(rows: Sequence[LabelledText], tag_of: Mapping[str, str]) -> dict[str, Any]:
    tagged = [row for row in rows if row.entities is not None]
    gold_tags = [corpus_tags(row) for row in tagged]
    labels = [row.sentiment for row in rows if row.sentiment]
    counts = count_entities(gold_tags, gold_tags) if gold_tags else count_sentiments(labels, labels)
    perfect = Predictions([corpus_words(row) for row in tagged], gold_tags, gold_tags, labels, labels)
    return {
        "is_tagged": bool(gold_tags),
        "gold": counts.per_text[:, 0].sum(axis=1).astype(int).tolist(),
        "baselines": baselines(perfect, tag_of),
    }
