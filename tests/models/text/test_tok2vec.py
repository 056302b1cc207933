"""The faster tok2vec, compared with spaCy's own."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from spacy.tokens import Doc

from models import DependencyParser
from models.text.tok2vec import RememberedEmbeddings, Rows, WindowEncoder

WORD_LISTS = [
    ["Fire", "broke", "out", "in", "Athens", "."],
    ["sooo"],
    ["I", "do", "n't", "know", ".", "Rain", "fell", "."],
    ["a", "b"],
    [str(number) for number in range(300)],
]


@pytest.fixture(scope="module")
def nlp() -> Any:
    return importlib.import_module(DependencyParser().name).load()


@pytest.fixture
def docs(nlp: Any) -> list[Doc]:
    return [Doc(nlp.vocab, words=words) for words in WORD_LISTS]


class CountingEmbed:
    """spaCy's own embedding, which counts the words that it embeds."""

    def __init__(self, embed: Any) -> None:
        self._embed = embed
        self.num_words = 0

    def predict(self, docs: Sequence[Doc]) -> list[Rows]:
        self.num_words += sum(map(len, docs))
        rows: list[Rows] = self._embed.predict(docs)
        return rows


def test_embeddings_are_spacys_own(nlp: Any, docs: Sequence[Doc]) -> None:
    """New words and remembered ones have spaCy's vectors, and a remembered word is not embedded again."""
    embed = nlp.get_pipe("tok2vec").model.layers[0]
    counting = CountingEmbed(embed)
    remembered = RememberedEmbeddings(counting, nlp.vocab)
    remembered(docs[:3])
    assert_alike(remembered(docs), embed.predict(docs))
    assert counting.num_words == len({word for words in WORD_LISTS for word in words})


def test_the_encoder_is_spacys_own(nlp: Any, docs: Sequence[Doc]) -> None:
    """Sentences of one to 300 words, in one call, have spaCy's vectors."""
    embed, encode = nlp.get_pipe("tok2vec").model.layers
    embedded = embed.predict(docs)
    assert_alike(WindowEncoder(encode)(embedded), encode.predict(embedded))


def test_sentences_are_kept_apart(nlp: Any, docs: Sequence[Doc]) -> None:
    """A sentence has the same vectors alone and between others, also beside one without words."""
    embed, encode = nlp.get_pipe("tok2vec").model.layers
    embedded = embed.predict(docs)
    encoder = WindowEncoder(encode)
    alone = [encoder([sentence])[0] for sentence in embedded]
    assert_alike(encoder(embedded), alone)
    assert_alike(encoder([embedded[0], embedded[0][:0], embedded[2]]), [alone[0], alone[0][:0], alone[2]])


def assert_alike(found: Sequence[Rows], expected: Sequence[Rows]) -> None:
    assert [rows.shape for rows in found] == [rows.shape for rows in expected]
    for rows, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(rows, wanted, atol=2e-5)
