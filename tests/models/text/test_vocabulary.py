"""The words, characters and relations that a checkpoint knows, and how a word is looked up."""

import pytest

from models import Sentence, Vocabularies
from models.text.vocabulary import UNKNOWN_INDEX
from models.text.word_forms import CASE_CLASSES, case_class

GLOVE = ["the", "fire", "so", "rain", "&", "n't", "0000"]


def build(*words: str, repeat: int = 1, min_count: int = 1) -> Vocabularies:
    sentences = [Sentence(words, (0,) * len(words), ("dep",) * len(words))] * repeat
    return Vocabularies.build(sentences, GLOVE, max_tail_words=2, min_count=min_count)


def test_words_are_sorted_into_four_parts() -> None:
    """Rare words without a vector come first, then the other trained ones, then the most frequent of the rest."""
    vocabularies = build("The", "covfefe", "fire")
    assert vocabularies.words == ("<pad>", "<unk>", "covfefe", "fire", "the", "so", "rain")
    assert (vocabularies.num_rare_words, vocabularies.num_trainable_words) == (1, 5)
    assert build("The", "covfefe", repeat=9).num_rare_words == 0
    assert "covfefe" not in build("The", "covfefe", min_count=2).words
    assert vocabularies.deprels == ("<pad>", "<unk>", "dep")


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("fire", "fire"),
        ("FIRE", "fire"),
        ("1996", "0000"),
        ("&amp;", "&"),
        ("N’T", "n't"),
        ("Sooooo", "so"),
        ("https://t.co/x", "<link>"),
        ("qwertz", "<unk>"),
        ("<pad>", "<unk>"),
    ],
)
def test_look_up_falls_back(word: str, form: str) -> None:
    """A word is looked up in its own spelling, then in plainer forms, and is unknown if none is known."""
    vocabularies = build(*GLOVE, "http://a.b/c")
    assert vocabularies.words[vocabularies.word_index(word)] == form


def test_an_exact_spelling_wins() -> None:
    """A word that the vocabulary has in its own spelling is not lower-cased."""
    vocabularies = Vocabularies(("<pad>", "<unk>", "us", "US"), ("<pad>", "<unk>"), ("<pad>", "<unk>"), 4, 0)
    assert vocabularies.word_index("US") == 3
    assert vocabularies.word_index("Us") == 2


def test_rare_characters_and_relations_are_unknown() -> None:
    """A character that was seen once, and a relation that was not seen, have the index of unknown."""
    vocabularies = build("aaaZ")
    assert vocabularies.char_index("a") > UNKNOWN_INDEX
    assert vocabularies.char_index("Z") == vocabularies.char_index("é") == UNKNOWN_INDEX
    assert vocabularies.deprel_index("nsubj") == UNKNOWN_INDEX


def test_reserved_words_in_training_data_do_no_harm() -> None:
    """Posts that contain the names of padding and unknown do not break the vocabulary."""
    assert build("<pad>", "<unk>", "fire").words[:3] == ("<pad>", "<unk>", "fire")


@pytest.mark.parametrize(
    ("words", "num_trainable", "num_rare"),
    [
        (("a", "b"), 2, 0),
        (("<pad>", "<unk>", "a", "a"), 4, 0),
        (("<pad>", "<unk>"), 3, 0),
        (("<pad>", "<unk>"), 2, 1),
    ],
)
def test_lists_that_do_not_fit_are_refused(words: tuple[str, ...], num_trainable: int, num_rare: int) -> None:
    """Missing reserved entries, repeated entries, and counts beyond the list are errors."""
    with pytest.raises(ValueError, match="words"):
        Vocabularies(words, ("<pad>", "<unk>"), ("<pad>", "<unk>"), num_trainable, num_rare)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("fire", "lower"),
        ("Fire", "capitalised"),
        ("A", "capitalised"),
        ("NASA", "upper"),
        ("iPhone", "mixed"),
        ("1,000", "digits"),
        ("F16", "with digit"),
        ("well-known", "lower"),
        ("O'Neill", "mixed"),
        ("U.S.", "upper"),
        ("!!!", "other"),
        ("東京", "mixed"),
    ],
)
def test_case_classes(word: str, name: str) -> None:
    """A word's case is kept as one of a few classes."""
    assert CASE_CLASSES[case_class(word)] == name
