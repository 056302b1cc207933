"""Optimisers and learning rates: what moves, how far, at which point of a run."""

from collections.abc import Iterable, Mapping
from enum import Enum

import torch
from torch import nn

from models import JointModel
from training.recipe import Recipe

# Modules of JointModel that only one of the tasks reaches.
SENTIMENT_PARTS = ("sentiment",)


class Task(Enum):
    """What a batch has labels for."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"


def build_optimisers(model: JointModel, recipe: Recipe) -> Mapping[Task, torch.optim.Optimizer]:
    """An AdamW for each task, or one for both.

    Adam divides a gradient by its running size, so weighting the sentiment loss down inside one Adam does
    little for parameters of its own and much for shared ones. Two sets of moments make the ratio explicit.
    """
    head, shared = _split(model.named_parameters())
    head_group = {"params": head, "lr": recipe.sentiment_learning_rate, "is_sentiment_head": True}
    if not recipe.use_separate_optimisers:
        both = _adamw([{"params": shared, "lr": recipe.learning_rate}, head_group], recipe)
        return {Task.ENTITIES: both, Task.SENTIMENT: both}
    entities = _adamw([{"params": shared, "lr": recipe.learning_rate}], recipe)
    groups: list[dict[str, object]] = [head_group]
    if recipe.sentiment_shared_rate:
        groups.append({"params": shared, "lr": recipe.learning_rate * recipe.sentiment_shared_rate})
    return {Task.ENTITIES: entities, Task.SENTIMENT: _adamw(groups, recipe)}


def scale_learning_rates(
    optimisers: Iterable[torch.optim.Optimizer], factor: float, *, head_factor: float = 1.0
) -> None:
    """Set learning rates to `factor` times their initial ones, the sentiment head's to `head_factor` times that."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            own = head_factor if group.get("is_sentiment_head") else 1.0
            group["lr"] = group["initial_lr"] * factor * own


def _split(
    named: Iterable[tuple[str, nn.Parameter]],
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    head: list[nn.Parameter] = []
    shared: list[nn.Parameter] = []
    for name, parameter in named:
        (head if name.startswith(SENTIMENT_PARTS) else shared).append(parameter)
    return head, shared


def _adamw(groups: list[dict[str, object]], recipe: Recipe) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [{**group, "initial_lr": group["lr"]} for group in groups],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
