"""Batches of like length and like labels, in an order that mixes the tasks."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models import Batch, Featurizer, ModelConfig, spans_from_tags, tags_from_spans
from training.examples.example import Example

# Sorting by exact length would put the same sentences into the same batch in every epoch.
LENGTH_NOISE = 2.0


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """A batch with the labels that all of its sentences have.

    Attributes:
        tags: (B, T) indices into ModelConfig.tags, 0 on padding; None if the batch trains sentiment alone.
        sentiments: (B,) indices into ModelConfig.sentiment_labels; None if it trains entities alone.
    """

    batch: Batch
    tags: Tensor | None
    sentiments: Tensor | None


@dataclass(frozen=True, slots=True)
class BatchSize:
    """Upper bounds of a batch: padded tokens, and sentences."""

    max_tokens: int
    max_sentences: int


def draw_epoch(
    examples: Sequence[Example], size: BatchSize, *, sentiment_share: float, random_state: random.Random
) -> list[list[Example]]:
    """Group an epoch's examples into batches; a batch's sentences all have the same kinds of labels.

    Args:
        sentiment_share: share of the examples without tags that this epoch sees.
    """
    batches: list[list[Example]] = []
    for group in group_by_labels(examples):
        if group[0].tags is None and sentiment_share < 1:
            group = random_state.sample(group, round(len(group) * sentiment_share))
        batches += group_by_length(group, size, random_state)
    random_state.shuffle(batches)
    return batches


def group_by_labels(examples: Sequence[Example]) -> list[list[Example]]:
    """Group examples by the kinds of labels that they have: entities, sentiment, or both."""
    by_labels: dict[tuple[bool, bool], list[Example]] = defaultdict(list)
    for example in examples:
        by_labels[example.tags is not None, example.sentiment is not None].append(example)
    return list(by_labels.values())


def group_by_length(
    examples: Sequence[Example], size: BatchSize, random_state: random.Random | None = None
) -> list[list[Example]]:
    """Sort examples by length (roughly, if there is a random state) and cut them into batches within the bounds."""
    noise = random_state.random if random_state else lambda: 0.0
    keys = [len(example.sentence.words) + LENGTH_NOISE * noise() for example in examples]
    batches: list[list[Example]] = []
    longest = 0
    for index in sorted(range(len(examples)), key=keys.__getitem__):
        example = examples[index]
        longest = max(longest, len(example.sentence.words))
        is_full = not batches or len(batches[-1]) >= size.max_sentences
        if is_full or longest * (len(batches[-1]) + 1) > size.max_tokens:
            batches.append([])
            longest = len(example.sentence.words)
        batches[-1].append(example)
    return batches


class Collator:
    """Turns examples into tensors for one network's configuration and vocabularies."""

    def __init__(self, config: ModelConfig, featurizer: Featurizer) -> None:
        self._scheme = config.tag_scheme
        self._featurizer = featurizer
        self._tag_indices = {tag: index for index, tag in enumerate(config.tags)}
        self._sentiment_indices = {label: index for index, label in enumerate(config.sentiment_labels)}

    def featurize(self, examples: Sequence[Example]) -> Batch:
        """Return the examples' sentences as a batch without labels."""
        return self._featurizer([example.sentence for example in examples])

    def __call__(self, examples: Sequence[Example]) -> LabelledBatch:
        """Collate examples that have the same kinds of labels."""
        batch = self.featurize(examples)
        has_tags = examples[0].tags is not None
        has_sentiments = examples[0].sentiment is not None
        return LabelledBatch(
            batch,
            self._tags(examples, batch.words.shape[1]) if has_tags else None,
            torch.tensor(list(self._sentiments(examples))) if has_sentiments else None,
        )

    def _tags(self, examples: Sequence[Example], num_tokens: int) -> Tensor:
        tags = torch.zeros(len(examples), num_tokens, dtype=torch.long)
        for row, example in enumerate(examples):
            assert example.tags is not None, "a batch mixes tagged and untagged sentences"
            indices = [self._tag_indices[tag] for tag in self._in_scheme(example.tags)]
            tags[row, : len(indices)] = torch.tensor(indices)
        return tags

    def _in_scheme(self, tags: Sequence[str]) -> Sequence[str]:
        if self._scheme == "BIO":
            return tags
        return tags_from_spans(spans_from_tags(tags, "BIO"), len(tags), self._scheme)

    def _sentiments(self, examples: Sequence[Example]) -> Iterator[int]:
        for example in examples:
            assert example.sentiment is not None, "a batch mixes texts with and without a sentiment"
            yield self._sentiment_indices[example.sentiment]
