"""Prompts and answers as tensors: all answers to a post branch off one prompt, so that the model reads it only once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.writer.examples import WriterExample


@dataclass(frozen=True, slots=True)
class TokenTree:
    """A prompt and the answers to it, as token ids."""

    prompt: list[int]
    answers: list[tuple[list[int], float]]  # each ends with the end-of-turn token; its weight in the loss

    def __len__(self) -> int:
        # An answer's last token is predicted and never read.
        return len(self.prompt) + sum(len(answer) - 1 for answer, _ in self.answers)


@dataclass(frozen=True, slots=True)
class TreeBatch:
    """Trees of like length, padded.

    Shapes:
        tokens, positions: (B, T).
        mask: (B, 1, T, T), true if the first token may attend to the second.
        predicted_at, targets, weights: (N), for each token to be predicted: the index in the flattened batch at which
            it is predicted, the token, its weight.
    """

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    predicted_at: Tensor
    targets: Tensor
    weights: Tensor


def tokenize_example(tokenizer: Any, example: WriterExample) -> TokenTree:
    """Return the example's tokens under the tokenizer's chat template."""
    prompt = tokenizer.apply_chat_template(example.messages, tokenize=False, add_generation_prompt=True)
    answers = [
        ([*tokenizer.encode(answer, add_special_tokens=False), tokenizer.eos_token_id], weight)
        for answer, weight in example.answers
    ]
    return TokenTree(tokenizer.encode(prompt, add_special_tokens=False), answers)


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
    predicted: list[tuple[int, int, float]] = []
    for row, tree in enumerate(trees):
        start = len(tree.prompt)
        tokens[row, :start] = torch.tensor(tree.prompt)
        positions[row, :start] = torch.arange(start)
        mask[row, :start, :start] = torch.ones(start, start, dtype=torch.bool).tril()
        for answer, weight in tree.answers:
            end = start + len(answer) - 1
            tokens[row, start:end] = torch.tensor(answer[:-1])
            positions[row, start:end] = torch.arange(len(tree.prompt), len(tree.prompt) + end - start)
            mask[row, start:end, : len(tree.prompt)] = True
            mask[row, start:end, start:end] = torch.ones(end - start, end - start, dtype=torch.bool).tril()
            columns = [len(tree.prompt) - 1, *range(start, end)]
            predicted += [
                (row * width + at, token, weight) for at, token in zip(columns, answer, strict=True)
            ]
            start = end
    at, targets, weights = zip(*predicted, strict=True)
    return TreeBatch(
        tokens, positions, mask[:, None], torch.tensor(at), torch.tensor(targets), torch.tensor(weights)
    )
