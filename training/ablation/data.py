"""What the runs learn from and are scored on: counted, and as the part of the report that gives these counts.

The counts are those of the paper's Table 1 and Figure 2, and the scores of trivial guesses.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from training.ablation.paper import NUM_SENTENCES, TABLE_1
from training.corpora.labelled_text import LabelledText
from training.corpora.retokenise import corpus_tags, corpus_words
from training.scoring.baselines import frequent_tags
from training.scoring.counts import count_entities, count_sentiments
from training.scoring.evaluation import baselines
from training.scoring.predictions import Predictions

SPLITS = ("train", "dev", "test")
Rows = Mapping[str, Sequence[LabelledText]]


def describe_data(train: Rows, dev: Rows, test: Rows) -> dict[str, Any]:
    """Return counts by split, and for each test corpus the gold labels of each text and what trivial guesses score."""
    tagged = [row for rows in train.values() for row in rows if row.entities is not None]
    tag_of = frequent_tags((corpus_words(row), corpus_tags(row)) for row in tagged)
    splits = dict(zip(SPLITS, (train, dev, test), strict=True))
    return {
        "corpora": {split: list(of_split) for split, of_split in splits.items()},
        "splits": {split: _describe(_all(of_split)) for split, of_split in splits.items()},
        "test": {name: _describe_test(rows, tag_of) for name, rows in test.items()},
    }


def data_sections(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the report about the data: Table 1, sentence lengths, and sentiment labels."""
    yield from _table_1(data)
    yield ""
    yield from _lengths(data)
    yield ""
    yield from _sentiments(data)


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


def _table_1(data: Mapping[str, Any]) -> Iterator[str]:
    splits = [data["splits"][split] for split in SPLITS]
    yield "## Table 1 of the paper: tags by split"
    yield ""
    yield "| tag | " + " | ".join(f"{split} | paper" for split in SPLITS) + " |"
    yield "|---|" + "---|---|" * len(SPLITS)
    tags = sorted({tag for split in splits for tag in split["tags"]} - {"O"})
    for tag in tags:
        cells = [
            f"{split['tags'].get(tag, 0):,} | {_paper(tag, column)}" for column, split in enumerate(splits)
        ]
        yield f"| {tag} | " + " | ".join(cells) + " |"
    yield ""
    yield _agreement(data)
    yield ""
    yield from _documents(data)


def _lengths(data: Mapping[str, Any]) -> Iterator[str]:
    yield "## Figure 2 of the paper: sentence lengths"
    yield ""
    for split in SPLITS:
        lengths = data["splits"][split]["lengths"]
        yield (
            f"- {split}: mean {lengths['mean']:.1f} tokens, median {lengths['median']:g}, longest {lengths['max']}"
        )
    yield ""
    yield "![Sentence lengths](figures/figure2_sentence_lengths.png)"


def _sentiments(data: Mapping[str, Any]) -> Iterator[str]:
    yield "## Sentiment labels"
    yield ""
    for split in SPLITS:
        counts = data["splits"][split]
        total = sum(counts["sentiments"].values())
        shares = ", ".join(
            f"{number:,} {label} ({number / total:.0%})" for label, number in counts["sentiments"].items()
        )
        yield f"- {split}: {shares}"


def _paper(tag: str, column: int) -> str:
    return f"{TABLE_1[tag][column]:,}" if tag in TABLE_1 else ""


def _agreement(data: Mapping[str, Any]) -> str:
    differing = [
        f"{tag} {split}"
        for tag, printed in TABLE_1.items()
        for split, number in zip(SPLITS, printed, strict=True)
        if data["splits"][split]["tags"].get(tag, 0) != number
    ]
    if not differing:
        return "Every count is the paper's."
    return f"{len(differing)} of {3 * len(TABLE_1)} counts differ from the paper's: {', '.join(differing)}."


def _documents(data: Mapping[str, Any]) -> Iterator[str]:
    """Say where the paper's larger numbers of sentences come from, if documents explain them."""
    for split, printed in zip(SPLITS, NUM_SENTENCES, strict=True):
        counts = data["splits"][split]
        surplus = printed - counts["num_tagged"]
        reason = ""
        if surplus and surplus == counts["num_documents"]:
            reason = f": {surplus} more, as many as there are documents, so its -DOCSTART- lines count as sentences"
        yield f"- {split}: {counts['num_tagged']:,} sentences here, {printed:,} in the paper{reason}"
