"""Character features that are remembered."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from models.char_bilstm import CharBiLstm
from models.spelling_cache import SpellingCache


def spellings(*words: list[int]) -> tuple[Tensor, Tensor]:
    width = max(map(len, words))
    return torch.tensor([w + [0] * (width - len(w)) for w in words]), torch.tensor([len(w) for w in words])


FIRST = spellings([2, 3, 4], [5], [0])
SECOND = spellings([5], [6, 7, 8, 2, 3], [2, 3, 4], [0], [0, 0])


def reading() -> CharBiLstm:
    torch.manual_seed(0)
    return CharBiLstm(9, 4, 3).double()


@torch.no_grad()
def test_features_are_those_of_the_network() -> None:
    """What is remembered from one batch is right in another, whatever its padding, also when there is no room."""
    read = reading()
    for max_spellings in (100, 4, 0):
        cache = SpellingCache(read, max_spellings)
        for batch in (FIRST, SECOND, FIRST, SECOND):
            torch.testing.assert_close(cache(*batch), read(*batch), atol=1e-9, rtol=0)


@torch.no_grad()
def test_each_spelling_is_read_once_while_there_is_room() -> None:
    """Only what is new reaches the network; a full cache starts anew and keeps within its bound."""
    read, seen = reading(), []

    def recording(chars: Tensor, lengths: Tensor) -> Tensor:
        seen.append(len(chars))
        features: Tensor = read(chars, lengths)
        return features

    cache = SpellingCache(recording, 5)
    for batch in (FIRST, SECOND, SECOND, spellings([8, 8]), SECOND):
        cache(*batch)
        assert len(cache._known) <= 5
    assert seen == [3, 2, 1, 5]


@torch.no_grad()
def test_threads_may_share_it() -> None:
    """Calls that clear the cache under each other's feet still get their own features."""
    read = reading()
    cache = SpellingCache(read, 4)
    expected = [read(*FIRST), read(*SECOND)]
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(torch.no_grad()(lambda turn: cache(*(FIRST, SECOND)[turn % 2])), range(400))
        for turn, features in enumerate(found):
            torch.testing.assert_close(features, expected[turn % 2], atol=1e-9, rtol=0)
