"""The fine-tuning loop of the alert writer: loss on the answers alone; time or epochs end it, whichever is first."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.writer.batches import TreeBatch, make_batches, tokenize_example
from training.writer.examples import NetworkView, draw_examples
from training.writer.posts import AlertPost

_WARM_UP_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRecipe:
    """The settings of a run of fine-tuning."""

    num_epochs: int = 3
    max_seconds: float = 3600.0  # the learning rate reaches zero after these, or after the epochs
    tokens_per_batch: int = 640
    learning_rate: float = 4.5e-4
    clip_norm: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class WriterData:
    """What a run learns from: posts with good alerts, and what the network finds in each, by the posts' ids."""

    posts: Sequence[AlertPost]
    views: Mapping[str, NetworkView]


@dataclass(frozen=True, slots=True)
class WriterStep:
    """One step of the optimiser, for the log."""

    step: int
    epoch: int
    seconds: float  # since the start
    loss: float
    learning_rate: float


class MasterWeights:
    """Single-precision copies of bfloat16 parameters: steps of AdamW are too small for bfloat16 to hold."""

    def __init__(self, parameters: Sequence[nn.Parameter], *, learning_rate: float, clip_norm: float) -> None:
        self._served = parameters
        self._masters = [nn.Parameter(p.detach().float().clone()) for p in parameters]
        self._optimiser = torch.optim.AdamW(self._masters, lr=learning_rate, weight_decay=0.0)
        self._clip_norm = clip_norm

    def step(self, learning_rate: float) -> None:
        """Move the masters by the gradients of the served parameters, and round them back."""
        for master, served in zip(self._masters, self._served, strict=True):
            master.grad = None if served.grad is None else served.grad.float()
            served.grad = None
        nn.utils.clip_grad_norm_(self._masters, self._clip_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._optimiser.step()
        with torch.no_grad():
            for master, served in zip(self._masters, self._served, strict=True):
                served.copy_(master)


def answer_loss(model: Any, batch: TreeBatch) -> Tensor:
    """Return the weighted mean cross entropy of the answers' tokens; logits are made for those alone.

    Args:
        model: a causal language model of transformers; if it has an adapter, the model inside PEFT's wrapper.
    """
    blocked = torch.finfo(torch.bfloat16).min / 2
    mask = torch.zeros(batch.mask.shape, dtype=torch.bfloat16).masked_fill(~batch.mask, blocked)
    states = model.model(
        input_ids=batch.tokens, attention_mask=mask, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    logits = model.lm_head(states.flatten(0, 1)[batch.predicted_at]).float()
    losses = F.cross_entropy(logits, batch.targets, reduction="none")
    return (losses * batch.weights).sum() / batch.weights.sum()


def fine_tune(
    adapted: Any,
    tokenizer: Any,
    *,
    data: WriterData,
    recipe: WriterRecipe,
    on_step: Callable[[WriterStep], None],
) -> None:
    """Train the adapter of a PEFT model in place."""
    chance = random.Random(recipe.seed)  # noqa: S311 - a reproducible draw, nothing secret
    weights = MasterWeights(
        [p for p in adapted.parameters() if p.requires_grad],
        learning_rate=recipe.learning_rate,
        clip_norm=recipe.clip_norm,
    )
    began = time.monotonic()
    batches = _batches(tokenizer, data, recipe, chance)
    for step, (epoch, share, batch) in enumerate(batches, 1):
        seconds = time.monotonic() - began
        progress = max(share / recipe.num_epochs, seconds / recipe.max_seconds)
        if progress >= 1:
            return
        rate = recipe.learning_rate * (1 - progress) * min(1.0, step / _WARM_UP_STEPS)
        loss = answer_loss(adapted.get_base_model(), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        weights.step(rate)
        on_step(WriterStep(step, epoch, seconds, float(loss.detach()), rate))


def _batches(
    tokenizer: Any, data: WriterData, recipe: WriterRecipe, chance: random.Random
) -> Iterator[tuple[int, float, TreeBatch]]:
    """Yield the epoch, the epochs done so far (a fraction), and the next batch; every epoch draws its examples anew."""
    for epoch in range(recipe.num_epochs):
        examples = draw_examples(data.posts, data.views, chance)
        trees = [tokenize_example(tokenizer, example) for example in examples]
        batches = list(make_batches(trees, recipe.tokens_per_batch, chance))
        for index, batch in enumerate(batches):
            yield epoch, epoch + index / len(batches), batch
