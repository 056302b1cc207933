"""Optimisers and learning rates: what moves, how far, at which point of a run."""

from collections.abc import Iterable, Mapping
from enum import Enum

import torch
from torch import nn

from models import JointModel
from training.recipe import Recipe

# The module of JointModel that only sentiment reaches, and the one that holds the word vectors.
SENTIMENT_PART = "sentiment"
WORD_VECTORS = "token_encoder.word"

Parameters = list[nn.Parameter]


class Task(Enum):
    """What a batch has labels for."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"


def build_optimisers(model: JointModel, recipe: Recipe) -> Mapping[Task, torch.optim.Optimizer]:
    """An AdamW for each task, or one for both.

    Adam divides a gradient by its running size, so weighting the sentiment loss down inside one Adam does
    little for parameters of its own and much for shared ones. Two sets of moments make the ratio explicit.
    """
    head, words, others = _split(model.named_parameters())
    head_group = {"params": head, "lr": recipe.sentiment_learning_rate, "is_sentiment_head": True}
    shared = _shared_groups(words, others, recipe, recipe.learning_rate)
    if not recipe.use_separate_optimisers:
        both = _adamw([*shared, head_group], recipe)
        return {Task.ENTITIES: both, Task.SENTIMENT: both}
    by_sentiment = _shared_groups(words, others, recipe, recipe.learning_rate * recipe.sentiment_shared_rate)
    return {
        Task.ENTITIES: _adamw(shared, recipe),
        Task.SENTIMENT: _adamw([head_group, *by_sentiment], recipe),
    }


def scale_learning_rates(
    optimisers: Iterable[torch.optim.Optimizer], factor: float, *, head_factor: float = 1.0
) -> None:
    """Set learning rates to `factor` times their initial ones, the sentiment head's to `head_factor` times that."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            own = head_factor if group.get("is_sentiment_head") else 1.0
            group["lr"] = group["initial_lr"] * factor * own


def _split(named: Iterable[tuple[str, nn.Parameter]]) -> tuple[Parameters, Parameters, Parameters]:
    """The sentiment head, the word vectors, and everything else."""
    head: Parameters = []
    words: Parameters = []
    others: Parameters = []
    for name, parameter in named:
        part = head if name.startswith(SENTIMENT_PART) else words if name.startswith(WORD_VECTORS) else others
        part.append(parameter)
    return head, words, others


def _shared_groups(
    words: Parameters, others: Parameters, recipe: Recipe, rate: float
) -> list[dict[str, object]]:
    """What both tasks reach, as far as it is to move at all: weight decay would move it without a rate."""
    groups: list[dict[str, object]] = [
        {"params": others, "lr": rate},
        {"params": words, "lr": rate * recipe.word_vector_rate},
    ]
    return [group for group in groups if group["lr"]]


def _adamw(groups: list[dict[str, object]], recipe: Recipe) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [{**group, "initial_lr": group["lr"]} for group in groups],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
