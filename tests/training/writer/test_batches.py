import random

import torch

from training.writer.batches import TokenTree, collate, make_batches
from training.writer.trainer import MasterWeights

TREE = TokenTree([1, 2, 3], [([4, 5, 9], 1.0), ([6, 9], 0.5)])


def test_an_answer_sees_only_the_prompt_and_itself() -> None:
    """Answers that share a prompt are trained as if each had a prompt of its own."""
    batch = collate([TREE, TokenTree([7], [([9], 1.0)])])
    # Prompt 1 2 3, then 4 5 of the first answer and 6 of the second.
    assert batch.tokens[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert batch.positions[0].tolist() == [0, 1, 2, 3, 4, 3]
    assert [row.nonzero().flatten().tolist() for row in batch.mask[0, 0]] == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 5],
    ]


def test_every_answer_token_is_predicted_once_from_the_place_before_it() -> None:
    """The first token of each answer is predicted at the prompt's end; the last token is not read."""
    batch = collate([TREE, TokenTree([7], [([9], 1.0)])])
    width = batch.tokens.shape[1]
    assert batch.predicted_at.tolist() == [2, 3, 4, 2, 5, width]
    assert batch.targets.tolist() == [4, 5, 9, 6, 9, 9]
    assert batch.weights.tolist() == [1.0, 1.0, 1.0, 0.5, 0.5, 1.0]


def test_padding_sees_itself() -> None:
    """A softmax over nothing would make the loss NaN."""
    assert bool(collate([TREE, TokenTree([7], [([9], 1.0)])]).mask.any(dim=-1).all())


def test_batches_hold_every_tree_and_keep_the_limit() -> None:
    """No example is lost or repeated, and no batch is larger than the planned memory."""
    trees = [TokenTree([index] * (index % 7 + 1), [([9], 1.0)]) for index in range(50)]
    batches = list(make_batches(trees, 24, random.Random(0)))
    assert all(batch.tokens.numel() <= 24 for batch in batches)
    assert sorted(int(row[0]) for batch in batches for row in batch.tokens) == list(range(50))


def test_small_steps_are_not_lost_to_rounding() -> None:
    """A hundred steps, each below bfloat16's resolution, still move the weight."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    masters = MasterWeights([weight], learning_rate=1e-4, clip_norm=1.0)
    for _ in range(100):
        weight.grad = torch.ones_like(weight)
        masters.step(1e-4)
    assert float(weight.detach()) < 0.995
