"""The fine-tuning loop of the alert writer and its judge: loss on the answers alone; time or epochs end it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.prompts.prompt import load_prompt
from training.writer.batches import NOT_COMPARED, TreeBatch, make_batches, tokenize_example
from training.writer.examples import PROMPT, NetworkView, draw_examples
from training.writer.posts import AlertPost

_WARM_UP_STEPS = 5
_BETA = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRecipe:
    """The settings of a run of fine-tuning."""

    num_epochs: int = 3
    max_seconds: float = 3600.0  # the learning rate reaches zero after these, or after the epochs
    tokens_per_batch: int = 640
    learning_rate: float = 4.5e-4
    clip_norm: float = 1.0
    judge_weight: float = 0.5  # of the judge's loss beside the writer's
    preference_weight: float = 0.2  # of the loss that wants good answers likelier than wrong ones
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
    writer_loss: float
    judge_loss: float
    preference_loss: float
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


@dataclass(frozen=True, slots=True)
class Losses:
    """The three losses of a batch, scalars.

    Attributes:
        writer: weighted mean cross entropy of the answers' tokens.
        judge: the same of the verdicts.
        preference: mean of -log sigmoid(beta (log p(good) - log p(wrong))), both by their mean token. As in SimPO (Meng
            et al. 2024) no second model is asked.
    """

    writer: Tensor
    judge: Tensor
    preference: Tensor


def answer_losses(model: Any, batch: TreeBatch) -> Losses:
    """Return the losses of a batch; logits are made for the answers' tokens alone.

    Args:
        model: a causal language model of transformers; if it has an adapter, the model inside PEFT's wrapper.
    """
    logits = answer_logits(model, batch)
    losses = F.cross_entropy(logits, batch.targets, reduction="none")
    return Losses(
        _weighted_mean(losses, batch.writer_weights),
        _weighted_mean(losses, batch.judge_weights),
        preference_loss(losses, batch.branches, batch.pairs),
    )


def answer_logits(model: Any, batch: TreeBatch) -> Tensor:
    """Return the logits (N, V) of the answers' tokens, in single precision."""
    blocked = torch.finfo(torch.bfloat16).min / 2
    mask = torch.zeros(batch.mask.shape, dtype=torch.bfloat16).masked_fill(~batch.mask, blocked)
    states = model.model(
        input_ids=batch.tokens, attention_mask=mask, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    logits: Tensor = model.lm_head(states.flatten(0, 1)[batch.predicted_at])
    return logits.float()


def _weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum().clamp_min(1e-6)


def preference_loss(losses: Tensor, branches: Tensor, pairs: Tensor) -> Tensor:
    """Return the loss that wants each good branch likelier than each wrong one of its post; 0 without pairs.

    Shapes:
        losses, branches: (N), as in `TreeBatch`.
        pairs: (P, 2).
    """
    if len(pairs) == 0:
        return losses.new_zeros(())
    is_compared = branches != NOT_COMPARED
    count = int(branches.max()) + 1
    index = branches[is_compared]
    sums = losses.new_zeros(count).index_add(0, index, losses[is_compared])
    sizes = losses.new_zeros(count).index_add(0, index, torch.ones_like(losses[is_compared]))
    means = sums / sizes.clamp_min(1)
    good, wrong = pairs.unbind(1)
    return -F.logsigmoid(_BETA * (means[wrong] - means[good])).mean()


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
        losses = answer_losses(adapted.get_base_model(), batch)
        loss = (
            losses.writer + recipe.judge_weight * losses.judge + recipe.preference_weight * losses.preference
        )
        loss.backward()  # type: ignore[no-untyped-call]
        weights.step(rate)
        writer, judge, preference = (
            float(part.detach()) for part in (losses.writer, losses.judge, losses.preference)
        )
        on_step(WriterStep(step, epoch, seconds, writer, judge, preference, rate))


def _batches(
    tokenizer: Any, data: WriterData, recipe: WriterRecipe, chance: random.Random
) -> Iterator[tuple[int, float, TreeBatch]]:
    """Yield the epoch, the epochs done so far (a fraction), and the next batch; every epoch draws its examples anew."""
    verdict = load_prompt(PROMPT).verdict
    assert verdict is not None  # the writer's prompt asks for one
    for epoch in range(recipe.num_epochs):
        examples = draw_examples(data.posts, data.views, chance)
        trees = [tokenize_example(tokenizer, example, verdict) for example in examples]
        batches = list(make_batches(trees, recipe.tokens_per_batch, chance))
        for index, batch in enumerate(batches):
            yield epoch, epoch + index / len(batches), batch
