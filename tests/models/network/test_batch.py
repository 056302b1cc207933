"""Sentences as padded tensors."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import EmptySentenceError, Featurizer, MissingParseError, Sentence
from tests.models.samples import DEPRELS, SMALL_VARIANTS, WORDS, sample_sentences, small_vocabularies


@st.composite
def parsed_sentences(draw: st.DrawFn) -> Sentence:
    length = draw(st.integers(1, 12))
    heads = draw(st.lists(st.integers(0, length - 1), min_size=length, max_size=length))
    deprels = draw(st.lists(st.sampled_from(DEPRELS), min_size=length, max_size=length))
    words = draw(st.lists(st.sampled_from(WORDS), min_size=length, max_size=length))
    return Sentence(tuple(words), tuple(heads), tuple(deprels))


@settings(deadline=None)
@given(st.lists(parsed_sentences(), min_size=1, max_size=6))
def test_every_edge_joins_a_token_and_its_head(sentences: list[Sentence]) -> None:
    """The edges of a batch are exactly the heads and relations of its sentences."""
    vocabularies = small_vocabularies()
    batch = Featurizer(SMALL_VARIANTS["E"], vocabularies)(sentences)
    assert batch.edge_index is not None
    assert batch.edge_type is not None
    width = batch.words.shape[1]
    actual = {
        (head // width, head % width, dependent // width, dependent % width, kind)
        for (head, dependent), kind in zip(batch.edge_index.T.tolist(), batch.edge_type.tolist(), strict=True)
    }
    expected = {
        (row, head, row, token, vocabularies.deprel_index(deprel))
        for row, sentence in enumerate(sentences)
        for token, (head, deprel) in enumerate(zip(sentence.heads or (), sentence.deprels or (), strict=True))
        if head != token
    }
    assert actual == expected
    assert batch.edge_index.shape[1] == len(expected)


def test_features_and_padding_line_up() -> None:
    """Word indices, spellings and mask agree with the sentences token by token."""
    vocabularies, sentences = small_vocabularies(), sample_sentences()
    batch = Featurizer(SMALL_VARIANTS["F"], vocabularies)(sentences)
    for row, sentence in enumerate(sentences):
        length = len(sentence.words)
        assert batch.lengths[row] == length
        assert batch.mask[row].tolist() == [True] * length + [False] * (9 - length)
        assert batch.words[row, :length].tolist() == [vocabularies.word_index(w) for w in sentence.words]
        for token, word in enumerate(sentence.words):
            spelling = int(batch.spelling[row, token])
            chars = batch.chars[spelling, : int(batch.char_lengths[spelling])].tolist()
            assert chars == [vocabularies.char_index(char) for char in word]
        for padded in (batch.words, batch.case, batch.spelling):
            assert not padded[row, length:].any()


def test_long_words_keep_both_ends() -> None:
    """The character LSTM reads the beginning and the end of a word that is too long."""
    config = replace(SMALL_VARIANTS["F"], max_word_chars=5)
    vocabularies = small_vocabularies()
    batch = Featurizer(config, vocabularies)([Sentence(("Fire" * 3000 + "on",))])
    assert batch.chars[1].tolist() == [vocabularies.char_index(char) for char in "Firon"]


def test_a_batch_goes_to_a_device_whole() -> None:
    """All tensors are moved except the lengths, which packing needs on the CPU."""
    batch = Featurizer(SMALL_VARIANTS["E"], small_vocabularies())(sample_sentences()).to("meta")
    assert {batch.words.device.type, batch.mask.device.type} == {"meta"}
    assert {batch.lengths.device.type, batch.char_lengths.device.type} == {"cpu"}


def test_a_batch_without_words_or_parses_is_refused() -> None:
    """No sentence, an empty sentence, and a missing parse each have their error."""
    featurize = Featurizer(SMALL_VARIANTS["E"], small_vocabularies())
    for sentences in ([], [Sentence(())]):
        with pytest.raises(EmptySentenceError):
            featurize(sentences)
    with pytest.raises(MissingParseError, match="sentence 0 has no parse: 'Fire'"):
        featurize([Sentence(("Fire",))])


def test_a_tree_of_roots_has_no_edges() -> None:
    """One word, or roots alone, still make a graph that the network can read."""
    batch = Featurizer(SMALL_VARIANTS["E"], small_vocabularies())([Sentence(("Fire",), (0,), ("ROOT",))])
    assert batch.edge_index is not None
    assert tuple(batch.edge_index.shape) == (2, 0)
    assert batch.edge_index.dtype == torch.long
