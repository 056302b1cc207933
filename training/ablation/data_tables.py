"""The part of the report that counts the data: the paper's Table 1 and Figure 2, and what its counts tell."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.ablation.data_statistics import SPLITS
from training.ablation.paper import NUM_SENTENCES, TABLE_1


def sections(data: Mapping[str, Any]) -> Iterator[str]:
    """Table 1, sentence lengths, and sentiment labels."""
    yield from _table_1(data)
    yield ""
    yield from _lengths(data)
    yield ""
    yield from _sentiments(data)


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
        for tag, told in TABLE_1.items()
        for split, number in zip(SPLITS, told, strict=True)
        if data["splits"][split]["tags"].get(tag, 0) != number
    ]
    if not differing:
        return "Every count is the paper's."
    return f"{len(differing)} of {3 * len(TABLE_1)} counts differ from the paper's: {', '.join(differing)}."


def _documents(data: Mapping[str, Any]) -> Iterator[str]:
    """Where the paper's larger numbers of sentences come from, if documents explain them."""
    for split, told in zip(SPLITS, NUM_SENTENCES, strict=True):
        counts = data["splits"][split]
        surplus = told - counts["num_tagged"]
        source = ""
        if surplus and surplus == counts["num_documents"]:
            source = f": {surplus} more, as many as there are documents, so its -DOCSTART- lines count as sentences"
        yield f"- {split}: {counts['num_tagged']:,} sentences here, {told:,} in the paper{source}"
