import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import VARIANTS, Featurizer, ModelConfig, Vocabularies
from tests.training.samples import felt_examples, parsed, tagged_examples
from training.examples.batching import BatchSize, Collator, draw_epoch, group_by_length
from training.examples.example import Example

SIZE = BatchSize(max_tokens=12, max_sentences=4)


def example_of(length: int) -> Example:
    return Example(parsed(("w",) * length), ("O",) * length, None)


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 50), st.integers(1, 9))
def test_every_example_is_in_one_batch_within_the_bounds(
    lengths: list[int], max_tokens: int, max_sentences: int
) -> None:
    """No example is lost or doubled; a batch over the bound is one long sentence alone."""
    examples = [example_of(length) for length in lengths]
    batches = group_by_length(examples, BatchSize(max_tokens, max_sentences), random.Random(0))
    assert sorted(id(e) for batch in batches for e in batch) == sorted(map(id, examples))
    for batch in batches:
        padded = len(batch) * max(len(e.sentence.words) for e in batch)
        assert len(batch) <= max_sentences
        assert padded <= max_tokens or len(batch) == 1


def test_a_batch_has_one_kind_of_labels() -> None:
    """Sentences with tags and texts with a sentiment never share a batch."""
    examples = [*tagged_examples(), *felt_examples()]
    batches = draw_epoch(examples, SIZE, sentiment_share=1, random_state=random.Random(0))
    assert sum(map(len, batches)) == len(examples)
    for batch in batches:
        assert len({(e.tags is None, e.sentiment is None) for e in batch}) == 1


def test_an_epoch_draws_a_new_share_of_the_sentiments() -> None:
    """An epoch has all tagged sentences, and another third of the other texts each time."""
    examples = [*tagged_examples(), *felt_examples()]
    state = random.Random(0)
    draws = [draw_epoch(examples, SIZE, sentiment_share=1 / 3, random_state=state) for _ in range(20)]
    felt = [frozenset(id(e) for batch in draw for e in batch if e.tags is None) for draw in draws]
    assert {len(drawn) for drawn in felt} == {2}
    assert len(set(felt)) > 1
    assert all(
        sum(e.tags is not None for batch in draw for e in batch) == len(tagged_examples()) for draw in draws
    )


@pytest.mark.parametrize("scheme", ["BIO", "IOBES"])
def test_labels_become_indices_of_the_network(scheme: str) -> None:
    """Tags are written in the network's scheme and padded to the batch."""
    config = ModelConfig.from_dict({**VARIANTS["F"].to_dict(), "tag_scheme": scheme})
    collate = Collator(config, Featurizer(config, Vocabularies.build([], [], max_tail_words=0)))
    labelled = collate([example_of(4), Example(parsed(("Ada", "Lovelace")), ("B-PER", "I-PER"), None)])
    assert labelled.sentiments is None
    assert labelled.tags is not None
    last = "I-PER" if scheme == "BIO" else "E-PER"
    expected = torch.tensor([[0, 0, 0, 0], [config.tags.index("B-PER"), config.tags.index(last), 0, 0]])
    assert torch.equal(labelled.tags, expected)


def test_sentiments_become_indices() -> None:
    """A batch of sentiments has no tags."""
    config = VARIANTS["F"]
    collate = Collator(config, Featurizer(config, Vocabularies.build([], [], max_tail_words=0)))
    labelled = collate(felt_examples()[:3])
    assert labelled.tags is None
    assert labelled.sentiments is not None
    assert labelled.sentiments.tolist() == [2, 2, 0]
