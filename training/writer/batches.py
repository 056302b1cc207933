"""Prompts and answers as tensors: all answers to a post branch off one prompt, so that the model reads it only once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from models.prompts.prompt import Verdict
from training.writer.answers import WriterAnswer
from training.writer.examples import WriterExample

NOT_COMPARED = -1


@dataclass(frozen=True, slots=True)
class Branch:
    """An answer as token ids: the alert, the verdict on it, the end-of-turn token; without a verdict, two of these.

    Attributes:
        num_compared: how many of the first tokens are the alert itself.
        writer_weights, judge_weights: of each token in the two losses.
    """

    tokens: list[int]
    num_compared: int
    writer_weights: list[float]
    judge_weights: list[float]
    is_wrong: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the writer shall learn to write it."""
        return self.writer_weights[0] > 0


@dataclass(frozen=True, slots=True)
class TokenTree:
    """A prompt and the answers to it, as token ids."""

    prompt: list[int]
    branches: list[Branch]

    def __len__(self) -> int:
        # An answer's last token is predicted and never read.
        return len(self.prompt) + sum(len(branch.tokens) - 1 for branch in self.branches)


@dataclass(frozen=True, slots=True)
class TreeBatch:
    """Trees of like length, padded.

    Shapes:
        tokens, positions: (B, T).
        mask: (B, 1, T, T), true if the first token may attend to the second.
        predicted_at, targets, writer_weights, judge_weights: (N), for each token to be predicted: the index in the
            flattened batch at which it is predicted, the token, its weight in the two losses.
        branches: (N), the number of the branch to whose alert the token belongs, or NOT_COMPARED.
        pairs: (P, 2), a good and a wrong branch of one post.
    """

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    predicted_at: Tensor
    targets: Tensor
    writer_weights: Tensor
    judge_weights: Tensor
    branches: Tensor
    pairs: Tensor


def tokenize_example(tokenizer: Any, example: WriterExample, verdict: Verdict) -> TokenTree:
    """Return the example's tokens under the tokenizer's chat template."""
    prompt = tokenizer.apply_chat_template(example.messages, tokenize=False, add_generation_prompt=True)
    branches = [_branch(tokenizer, answer, verdict) for answer in example.answers]
    return TokenTree(tokenizer.encode(prompt, add_special_tokens=False), branches)


def _branch(tokenizer: Any, answer: WriterAnswer, verdict: Verdict) -> Branch:
    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    if answer.is_true is None:
        tokens = [*encode(answer.text), tokenizer.eos_token_id]
        return Branch(tokens, len(tokens) - 1, [answer.weight] * len(tokens), [0.0] * len(tokens))
    # The line break and the verdict are one token each.
    tokens = [*encode(verdict.after(answer.text, is_true=answer.is_true)), tokenizer.eos_token_id]
    num_alert = len(tokens) - 3
    return Branch(
        tokens,
        num_alert,
        [*[answer.weight] * (num_alert + 1), 0.0, answer.weight],
        [*[0.0] * (num_alert + 1), answer.verdict_weight, 0.0],
        is_wrong=answer.is_wrong,
    )


def make_batches(trees: Sequence[TokenTree], num_tokens: int, chance: random.Random) -> Iterator[TreeBatch]:
    """Yield batches of at most `num_tokens` padded tokens, in random order."""
    groups: list[list[TokenTree]] = [[]]
    for tree in sorted(trees, key=lambda tree: len(tree) + chance.random()):
        if groups[-1] and len(tree) * (len(groups[-1]) + 1) > num_tokens:
            groups.append([])
        groups[-1].append(tree)
    chance.shuffle(groups)
    yield from (collate(group) for group in groups if group)


def collate(trees: Sequence[TokenTree]) -> TreeBatch:
    """Return the trees as one batch."""
    width = max(map(len, trees))
    tokens = torch.zeros(len(trees), width, dtype=torch.long)
    positions = torch.zeros_like(tokens)
    # Padding attends to itself, or its softmax would be over nothing.
    mask = torch.eye(width, dtype=torch.bool).repeat(len(trees), 1, 1)
    predicted: list[tuple[int, int, float, float, int]] = []
    pairs: list[tuple[int, int]] = []
    num_branches = 0
    for row, tree in enumerate(trees):
        start = len(tree.prompt)
        tokens[row, :start] = torch.tensor(tree.prompt)
        positions[row, :start] = torch.arange(start)
        mask[row, :start, :start] = torch.ones(start, start, dtype=torch.bool).tril()
        pairs += _pairs(tree, num_branches)
        for branch in tree.branches:
            end = start + len(branch.tokens) - 1
            tokens[row, start:end] = torch.tensor(branch.tokens[:-1])
            positions[row, start:end] = torch.arange(len(tree.prompt), len(tree.prompt) + end - start)
            mask[row, start:end, : len(tree.prompt)] = True
            mask[row, start:end, start:end] = torch.ones(end - start, end - start, dtype=torch.bool).tril()
            columns = [len(tree.prompt) - 1, *range(start, end)]
            predicted += _predicted(branch, [row * width + at for at in columns], num_branches)
            num_branches += 1
            start = end
    at, targets, writer, judge, branches = map(torch.tensor, zip(*predicted, strict=True))
    return TreeBatch(
        tokens,
        positions,
        mask[:, None],
        predicted_at=at,
        targets=targets,
        writer_weights=writer,
        judge_weights=judge,
        branches=branches,
        pairs=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
    )


def _predicted(
    branch: Branch, places: Sequence[int], number: int
) -> Iterator[tuple[int, int, float, float, int]]:
    parts = zip(places, branch.tokens, branch.writer_weights, branch.judge_weights, strict=True)
    for index, (at, token, writer, judge) in enumerate(parts):
        yield at, token, writer, judge, number if index < branch.num_compared else NOT_COMPARED


def _pairs(tree: TokenTree, first: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of each good and each wrong branch, counted from `first`."""
    good = [first + index for index, branch in enumerate(tree.branches) if branch.is_good]
    wrong = [first + index for index, branch in enumerate(tree.branches) if branch.is_wrong]
    return product(good, wrong)
