"""Remembered features of words."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from models.text.word_table import WordTable

FIRST = ["fire", "in", "athens"]
SECOND = ["in", "flood", "fire", "rome", "!!!"]


def read(words: Sequence[str]) -> Tensor:
    """Features that differ from word to word."""
    return torch.tensor([[float(len(word)), float(ord(word[0]))] for word in words])


def test_features_are_those_of_the_network() -> None:
    """Features remembered from one call are right in another, also after the table was full."""
    for max_words in (100, 4, 0):
        table = WordTable(read, max_words)
        for words in (FIRST, SECOND, FIRST, SECOND):
            assert torch.equal(table.look_up(words), read(words))


def test_each_word_is_read_once_while_there_is_room() -> None:
    """Only new words reach the network; a full table starts anew and stays within its limit."""
    seen: list[int] = []

    def recording(words: Sequence[str]) -> Tensor:
        seen.append(len(words))
        return read(words)

    table = WordTable(recording, 6)
    for words in (FIRST, SECOND, SECOND, ["rain"], SECOND):
        table.look_up(words)
        assert len(table._rows) <= 6
    assert seen == [3, 3, 1, 5]


def test_threads_may_share_it() -> None:
    """A call gets its own features even if another thread starts the table anew meanwhile."""
    table = WordTable(read, 6)
    calls = (FIRST, SECOND, ["a", "b", "c", "d"])
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda turn: table.look_up(calls[turn % 3]), range(400))
        for turn, features in enumerate(found):
            assert torch.equal(features, read(calls[turn % 3]))
