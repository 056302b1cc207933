from pathlib import Path

import numpy as np
import pytest

from models import Sentence, Vocabularies
from training.errors import GloveError
from training.examples.glove import read_glove
from training.examples.vocabulary import initial_vectors


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    """The official text format and the project's npz read alike."""
    vectors = np.array([[0.5, -1.0], [0.25, 2.0]], np.float16)
    np.savez(tmp_path / "a.npz", words=np.array(["the", "café"]), vectors=vectors)
    (tmp_path / "a.txt").write_text("the 0.5 -1.0\ncafé 0.25 2.0\n", encoding="utf-8")
    packed, text = read_glove(tmp_path / "a.npz"), read_glove(tmp_path / "a.txt")
    assert packed.words == text.words == ("the", "café")
    assert np.array_equal(packed.vectors, text.vectors)
    assert packed.vectors.dtype == text.vectors.dtype == np.float32


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("the 0.5 x\n", ":1: expected a word and its numbers"),
        ("the 0.5 1\ncat 1\n", ":2: 1 numbers, line 1 has 2"),
        ("the\n", ":1: expected"),
        ("", "holds no word vectors"),
    ],
)
def test_a_damaged_text_file_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    """The message has the line and what is wrong with it."""
    path = tmp_path / "glove.txt"
    path.write_text(content)
    with pytest.raises(GloveError, match=problem):
        read_glove(path)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    """An npz that would run code on loading is not read."""
    np.savez(tmp_path / "a.npz", words=np.array(["a", None], dtype=object), vectors=np.zeros((2, 1)))
    with pytest.raises(GloveError):
        read_glove(tmp_path / "a.npz")


def test_other_arrays_are_refused(tmp_path: Path) -> None:
    """Missing or misfitting arrays, and missing files, are a user's mistakes."""
    np.savez(tmp_path / "a.npz", vectors=np.zeros((2, 1)))
    np.savez(tmp_path / "b.npz", words=np.array(["a"]), vectors=np.zeros((2, 1)))
    (tmp_path / "c.npz").write_bytes(b"no zip")
    for name in ("a.npz", "b.npz", "c.npz", "none.npz"):
        with pytest.raises(GloveError):
            read_glove(tmp_path / name)


def test_initial_vectors_follow_the_vocabulary(tmp_path: Path) -> None:
    """Each word's row is its own vector; words without one have zeros."""
    (tmp_path / "a.txt").write_text("cat 1 2\ndog 3 4\n")
    glove = read_glove(tmp_path / "a.txt")
    vocabularies = Vocabularies.build([Sentence(("Cat", "zyx"))], glove.words, max_tail_words=5)
    vectors = initial_vectors(vocabularies, glove, 2)
    assert vectors[vocabularies.word_index("Cat")].tolist() == [1, 2]
    assert vectors[vocabularies.word_index("dog")].tolist() == [3, 4]
    assert vectors[vocabularies.word_index("zyx")].tolist() == [0, 0]


def test_vectors_of_another_size_are_refused(tmp_path: Path) -> None:
    """The network's word_dim and the file must agree."""
    (tmp_path / "a.txt").write_text("cat 1 2\n")
    glove = read_glove(tmp_path / "a.txt")
    vocabularies = Vocabularies.build([], glove.words, max_tail_words=5)
    with pytest.raises(GloveError, match="word_dim=100"):
        initial_vectors(vocabularies, glove, 100)


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """The error has the line's number."""
    (tmp_path / "a.txt").write_bytes(b"cat 1 2\n\xffdog 3 4\n")
    with pytest.raises(GloveError, match=r"a\.txt:2: not UTF-8"):
        read_glove(tmp_path / "a.txt")
