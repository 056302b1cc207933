"""Trained words, the frozen tail, and word dropout."""

import pytest
import torch

from models import Sentence, Vocabularies
from models.layers.word_embedding import WordEmbedding

VOCABULARIES = Vocabularies.build([Sentence(("fire", "covfefe"))], ["fire", "rain"], max_tail_words=5)
COVFEFE, FIRE, RAIN = 2, 3, 4


@pytest.fixture
def embedding() -> WordEmbedding:
    torch.manual_seed(0)
    embedding = WordEmbedding(VOCABULARIES, 3, word_dropout=0.5)
    vectors = torch.zeros(5, 3)
    vectors[FIRE], vectors[RAIN] = 1.0, 2.0
    embedding.load_vectors(vectors)
    return embedding.eval()


def test_vectors_reach_trained_words_and_the_tail(embedding: WordEmbedding) -> None:
    """Pretrained vectors are copied; words without one keep a random vector, and that of padding is zero."""
    padding, covfefe, fire, rain = embedding(torch.tensor([[0, COVFEFE, FIRE, RAIN]]))[0]
    assert not padding.any()
    assert covfefe.any()
    assert fire.tolist() == [1.0] * 3
    assert rain.tolist() == [2.0] * 3


def test_the_tail_is_frozen(embedding: WordEmbedding) -> None:
    """Gradients reach only trained words."""
    embedding(torch.tensor([[FIRE, RAIN]])).sum().backward()
    assert embedding.trained.weight.grad is not None
    assert embedding.trained.weight.grad.any(dim=1).nonzero().flatten().tolist() == [FIRE]
    assert [name for name, _ in embedding.named_parameters()] == ["trained.weight"]


def test_word_dropout_hides_rare_words_in_training_only(embedding: WordEmbedding) -> None:
    """In training a rare word without a vector is the unknown word about half of the time; others never are."""
    words = torch.tensor([[COVFEFE] * 400 + [FIRE] * 400])
    assert torch.equal(embedding(words)[0, :400], embedding.trained.weight[COVFEFE].expand(400, -1))
    vectors = embedding.train()(words)[0]
    hidden = (vectors == embedding.trained.weight[1]).all(dim=1)
    assert 100 < hidden[:400].sum() < 300
    assert not hidden[400:].any()


def test_vectors_of_another_vocabulary_are_refused(embedding: WordEmbedding) -> None:
    """There must be one row for each word."""
    with pytest.raises(ValueError, match=r"vectors are \(4, 3\), the vocabulary needs \(5, 3\)"):
        embedding.load_vectors(torch.zeros(4, 3))
