"""Dependency parses of words that are already cut."""

import importlib
from typing import Any

import pytest
from spacy.tokens import Doc

import models.text.parser
from models import DependencyParser, ParserUnavailableError

WORD_LISTS = [
    ["Fire", "broke", "out", "in", "Athens", "."],
    ["It", "'s", "bad", "!!!", "#", "NepalEarthquake"],
    ["sooo"],
    [],
    ["I", "do", "n't", "know", ".", "Rain", "fell", "."],
    ["\x00", "\ud800", "😀", "x" * 5000, "東京"],
]


@pytest.fixture(scope="module")
def parser() -> DependencyParser:
    return DependencyParser()


def test_parses_are_spacys_own(parser: DependencyParser) -> None:
    """Without its other components spaCy gives the same heads and relations for each token."""
    nlp = importlib.import_module(parser.name).load()
    for words, (heads, deprels) in zip(WORD_LISTS[:5], parser.parse(WORD_LISTS[:5]), strict=True):
        doc = nlp(Doc(nlp.vocab, words=words))
        assert heads == [token.head.i for token in doc]
        assert deprels == [token.dep_ for token in doc]


# spaCy forks for several processes, although torch has threads.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:multiprocessing\\.popen_fork")
def test_the_faster_tok2vec_is_the_one_in_use(parser: DependencyParser) -> None:
    """One process has the faster one; several processes keep spaCy's own, and give the same parses."""
    several = DependencyParser(num_processes=2)
    tok2vecs: list[Any] = [p._nlp.get_pipe("tok2vec") for p in (parser, several)]
    names = [tok2vec.model.layers[0].name for tok2vec in tok2vecs]
    assert names[0] == "remembered_embeddings" != names[1]
    assert several.parse(WORD_LISTS) == parser.parse(WORD_LISTS)


def test_other_sentences_of_the_call_do_not_matter(parser: DependencyParser) -> None:
    """A sentence has the same parse alone and among others."""
    together = parser.parse(WORD_LISTS)
    assert together == [parser.parse([words])[0] for words in WORD_LISTS]
    assert [len(heads) for heads, _ in together] == list(map(len, WORD_LISTS))


def test_words_of_posts_are_forgotten() -> None:
    """A parser that runs for months keeps the words that it read first, and no more than its limit."""
    parser = DependencyParser(max_words=2000)
    strings = parser._nlp.vocab.strings
    known = len(strings)
    for call in range(4):
        parser.parse([[f"word{call}x{number}" for number in range(1000)]])
    assert known + 2000 <= len(strings)
    kept = len(strings)
    parser.parse([[f"other{number}" for number in range(1000)]])
    assert len(strings) == kept


def test_a_missing_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no spaCy model is installed, the error names a package to install."""
    monkeypatch.setattr(models.text.parser, "SPACY_MODELS", ("no_such_model",))
    with pytest.raises(ParserUnavailableError, match="pip install"):
        DependencyParser()
