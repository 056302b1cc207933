"""The CRF, compared with an enumeration of every path."""

from collections.abc import Iterator
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from models.config import ModelConfig
from models.layers.decoders.crf import Crf
from models.text.spans import may_follow, spans_from_tags

LENGTHS = [4, 1, 3]


def tags_of(scheme: str) -> tuple[str, ...]:
    config = ModelConfig(
        use_char_embs=False,
        use_separate_lstms=False,
        use_syn_lstm=False,
        tag_scheme=scheme,
        entity_types=("LOC", "PER"),
    )
    return config.tags


@pytest.fixture(params=["BIO", "IOBES"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def crf(scheme: str) -> Crf:
    torch.manual_seed(0)
    crf = Crf(tags_of(scheme), scheme).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


@pytest.fixture
def scores(scheme: str) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(
        len(LENGTHS), max(LENGTHS), len(tags_of(scheme)), dtype=torch.double, requires_grad=True
    )


@pytest.fixture
def mask() -> Tensor:
    return torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]


def all_paths(crf: Crf, scores: Tensor, scheme: str) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Every path that the scheme allows through the (T, K) scores of a sentence, with its score."""
    tags = tags_of(scheme)
    for path in product(range(len(tags)), repeat=len(scores)):
        names = ["O", *(tags[tag] for tag in path), "O"]
        if all(may_follow(before, tag, scheme) for before, tag in pairwise(names)):
            moves = sum((crf.transitions[a, b] for a, b in pairwise(path)), torch.zeros(()))
            emitted = sum((scores[t, tag] for t, tag in enumerate(path)), torch.zeros(()))
            yield path, crf.start[path[0]] + emitted + moves + crf.end[path[-1]]


def test_loss_is_the_exact_negative_log_likelihood_per_token(
    crf: Crf, scores: Tensor, mask: Tensor, scheme: str
) -> None:
    """The loss, and its gradient, are those of the sum over all paths, divided by the number of real tokens."""
    gold = torch.zeros(mask.shape, dtype=torch.long)
    expected = torch.zeros((), dtype=torch.double)
    for row, length in enumerate(LENGTHS):
        paths = dict(all_paths(crf, scores[row, :length], scheme))
        path = list(paths)[len(paths) // 2]
        gold[row, :length] = torch.tensor(path)
        expected = expected + torch.logsumexp(torch.stack(list(paths.values())), dim=0) - paths[path]
    expected = expected / sum(LENGTHS)
    actual = crf.loss(scores, gold, mask)
    torch.testing.assert_close(actual, expected, atol=1e-9, rtol=0)
    wanted = [scores, *crf.parameters()]
    for one, other in zip(
        torch.autograd.grad(actual, wanted), torch.autograd.grad(expected, wanted), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_decode_finds_the_best_path(crf: Crf, scores: Tensor, mask: Tensor, scheme: str) -> None:
    """The Viterbi path is the best one that the scheme allows."""
    decoded = crf.decode(scores, mask)
    for row, length in enumerate(LENGTHS):
        paths = dict(all_paths(crf, scores[row, :length], scheme))
        assert tuple(decoded[row, :length].tolist()) == max(paths, key=lambda path: paths[path].item())


def test_decode_never_breaks_the_scheme(crf: Crf, mask: Tensor, scheme: str) -> None:
    """No tag follows one that the scheme forbids before it, however high it scores."""
    tags = tags_of(scheme)
    for seed in range(30):
        scores = (
            torch.randn(*mask.shape, len(tags), generator=torch.Generator().manual_seed(seed)).double() * 50
        )
        for path, length in zip(crf.decode(scores, mask).tolist(), LENGTHS, strict=True):
            names = ["O", *(tags[tag] for tag in path[:length]), "O"]
            assert all(may_follow(a, b, scheme) for a, b in pairwise(names))


def test_span_probability_is_the_share_of_paths_with_that_span(
    crf: Crf, scores: Tensor, mask: Tensor, scheme: str
) -> None:
    """The score of an entity is the total probability of all paths that contain exactly this span and type."""
    tags, checked = tags_of(scheme), 0
    for seed in range(8):
        some = torch.randn(scores.shape, generator=torch.Generator().manual_seed(seed)).double()
        decoded = crf.decode(some, mask)
        spans = [
            spans_from_tags([tags[tag] for tag in path[:length]], scheme)
            for path, length in zip(decoded.tolist(), LENGTHS, strict=True)
        ]
        actual = crf.confidence(some, mask, decoded).span_probabilities(spans)
        for row, length in enumerate(LENGTHS):
            paths = dict(all_paths(crf, some[row, :length], scheme))
            shares = torch.stack(list(paths.values())).softmax(dim=0).tolist()
            for span, probability in zip(spans[row], actual[row], strict=True):
                with_span = [span in spans_from_tags([tags[tag] for tag in path], scheme) for path in paths]
                expected = sum(share for share, has in zip(shares, with_span, strict=True) if has)
                assert probability == pytest.approx(expected, abs=1e-9)
                checked += 1
    assert checked > 5


def test_forbidden_gold_tags_have_a_finite_loss(crf: Crf, scores: Tensor, mask: Tensor, scheme: str) -> None:
    """A corpus with an entity that begins with an inside tag does not make the loss infinite."""
    inside = tags_of(scheme).index("I-LOC")
    assert torch.isfinite(crf.loss(scores, torch.full(mask.shape, inside), mask))
