"""Optimisers and learning rates: which parameters move, and how far, at each point of a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from models import JointModel
from training.network.recipe import Recipe

# How the names begin of JointModel's parameters that only sentiment trains, and of those that hold word vectors.
SENTIMENT = "sentiment"
WORD_VECTORS = "token_encoder.word."

Named = Sequence[tuple[str, nn.Parameter]]
Group = dict[str, Any]
Optimisers = Sequence[torch.optim.Optimizer]


class Task(Enum):
    """What a batch has labels for."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"


def build_optimisers(model: JointModel, recipe: Recipe) -> Mapping[Task, Optimisers]:
    """Return the optimisers that step after a batch of each task.

    Each task has an AdamW of its own, or both share one; word vectors have a SparseAdam if the recipe wants it.

    Adam divides a gradient by its running size. A lower weight of the sentiment loss inside one Adam therefore does
    little for sentiment's own parameters and much for shared ones; two sets of moments make the ratio explicit.

    The word embedding is set to the kind of gradients that its optimiser wants.
    """
    model.token_encoder.word.trained.sparse = recipe.use_sparse_word_steps
    named = list(model.named_parameters())
    head = _group(named, recipe.sentiment_learning_rate, lambda name: name.startswith(SENTIMENT)) | {
        "is_sentiment_head": True
    }
    if not recipe.use_separate_optimisers:
        both = _build([head], named, recipe, rate=recipe.learning_rate)
        return {Task.ENTITIES: both, Task.SENTIMENT: both}
    by_sentiment = recipe.learning_rate * recipe.sentiment_shared_rate
    return {
        Task.ENTITIES: _build([], named, recipe, rate=recipe.learning_rate),
        Task.SENTIMENT: _build([head], named, recipe, rate=by_sentiment),
    }


def scale_learning_rates(
    optimisers: Iterable[torch.optim.Optimizer], factor: float, *, head_factor: float = 1.0
) -> None:
    """Set learning rates to `factor` times their initial ones, the sentiment head's to `head_factor` times that."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            own = head_factor if group.get("is_sentiment_head") else 1.0
            group["lr"] = group["initial_lr"] * factor * own


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> None:
    """Scale all gradients, sparse ones included, so that their common norm is at most `max_norm`."""
    gradients = []
    for parameter in parameters:
        if parameter.grad is not None:
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
            gradients.append(parameter.grad.values() if parameter.grad.is_sparse else parameter.grad)
    norm = nn.utils.get_total_norm(gradients)
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)


def _build(groups: list[Group], named: Named, recipe: Recipe, *, rate: float) -> Optimisers:
    """Return optimisers of these groups and of the shared parameters; those without a rate are left out."""
    is_sparse = recipe.use_sparse_word_steps
    words = _group(named, rate, lambda name: name.startswith(WORD_VECTORS))
    others = _group(named, rate, lambda name: not name.startswith((SENTIMENT, WORD_VECTORS)))
    shared = [others] if is_sparse else [others, words]
    dense = [*groups, *shared] if rate else groups
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(dense, weight_decay=recipe.weight_decay, fused=True)
    ]
    if is_sparse and rate:
        optimisers.append(torch.optim.SparseAdam([words]))
    return optimisers


def _group(named: Named, rate: float, belongs: Callable[[str], bool]) -> Group:
    return {"params": [p for name, p in named if belongs(name)], "lr": rate, "initial_lr": rate}
