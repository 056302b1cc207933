"""The training loop: batches of entities and of sentiments in turn, scored on dev after every epoch."""

import math
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models import JointModel
from training.errors import TrainingError
from training.examples.batching import BatchSize, Collator, LabelledBatch, draw_epoch
from training.examples.example import Example
from training.examples.variation import Variation
from training.network.dev_scores import mean_score, score_examples, selection_score
from training.network.optimisation import Task, build_optimisers, clip_gradients, scale_learning_rates
from training.network.patience import Patience
from training.network.recipe import Recipe
from training.network.trainer_state import (
    TrainerState,
    pack_optimisers,
    pack_random,
    unpack_optimisers,
    unpack_random,
)

# The default of PyTorch's ReduceLROnPlateau.
PLATEAU_FACTOR = 0.1

Scores = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What one epoch did; losses are means over its batches, None if a task had none."""

    epoch: int
    num_steps: int
    entity_loss: float | None
    sentiment_loss: float | None
    dev: Scores
    selection: float
    is_best: bool
    train_seconds: float
    dev_seconds: float


@dataclass(slots=True)
class _Losses:
    values: dict[Task, list[float]] = field(default_factory=lambda: {task: [] for task in Task})

    def mean(self, task: Task) -> float | None:
        values = self.values[task]
        return sum(values) / len(values) if values else None


class Trainer:
    """Trains one network by a recipe. The same seed gives the same network, unless `max_seconds` ends the run."""

    def __init__(
        self,
        model: JointModel,
        collate: Collator,
        recipe: Recipe,
        *,
        vary: Variation | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vary = vary
        self._model = model
        self._collate = collate
        self._recipe = recipe
        self._clock = clock
        self._optimisers = build_optimisers(model, recipe)
        self._random = random.Random(recipe.seed)  # noqa: S311 - shuffles, guards nothing
        self._start = clock()
        self._best = -math.inf
        self._active = set(Task)
        self._stops = {task: Patience(recipe.stop_patience, recipe.stop_min_rise) for task in Task}
        self._plateau = Patience(recipe.plateau_patience, recipe.stop_min_rise)
        self._head_factor = 1.0
        self._epochs_done = 0

    def fit(
        self,
        train: Sequence[Example],
        dev: Mapping[str, Sequence[Example]],
        *,
        on_step: Callable[[int, int], None],
        on_epoch: Callable[[EpochReport], None],
    ) -> None:
        """Train until the epochs or the time are used up, or no task gets better.

        Args:
            on_step: called with (steps done, steps in the epoch).
            on_epoch: called after each epoch, with the network in eval mode; it can save the network and `state()`.
        """
        while self._progress(self._epochs_done, 0.0) < 1 and self._active:
            report = self._run_epoch(self._epochs_done + 1, train, dev, on_step)
            self._epochs_done += 1
            self._best = max(self._best, report.selection)
            self._lose_patience(report.dev)
            on_epoch(report)

    def state(self) -> TrainerState:
        """Return what the next epoch depends on; `restore` in another process goes on from it."""
        tensors = {f"model.{name}": tensor for name, tensor in self._model.state_dict().items()}
        tensors |= pack_optimisers(self._distinct_optimisers())
        values = {
            "epochs_done": self._epochs_done,
            "best": self._best,
            "active": sorted(task.value for task in self._active),
            "stops": {task.value: patience.state() for task, patience in self._stops.items()},
            "plateau": self._plateau.state(),
            "head_factor": self._head_factor,
            "seconds": self._clock() - self._start,
            "random": pack_random(self._random.getstate()),
        }
        return TrainerState(tensors | {"torch_random": torch.get_rng_state()}, values)

    def restore(self, state: TrainerState) -> None:
        """Go on from a `state` that a trainer of the same network and recipe returned."""
        prefix = "model."
        weights = {n.removeprefix(prefix): t for n, t in state.tensors.items() if n.startswith(prefix)}
        self._model.load_state_dict(weights)
        unpack_optimisers(self._distinct_optimisers(), state.tensors)
        values = state.values
        self._epochs_done = values["epochs_done"]
        self._best = values["best"]
        self._active = {Task(value) for value in values["active"]}
        for task, patience in self._stops.items():
            patience.restore(values["stops"][task.value])
        self._plateau.restore(values["plateau"])
        self._head_factor = values["head_factor"]
        self._start = self._clock() - values["seconds"]
        self._random.setstate(unpack_random(values["random"]))
        torch.set_rng_state(state.tensors["torch_random"])

    def _distinct_optimisers(self, tasks: Collection[Task] = tuple(Task)) -> list[torch.optim.Optimizer]:
        # One optimiser may serve both tasks; it must not step twice on the same gradients.
        of_tasks = (optimiser for task in Task if task in tasks for optimiser in self._optimisers[task])
        return list({id(optimiser): optimiser for optimiser in of_tasks}.values())

    def _run_epoch(
        self,
        epoch: int,
        train: Sequence[Example],
        dev: Mapping[str, Sequence[Example]],
        on_step: Callable[[int, int], None],
    ) -> EpochReport:
        started = self._clock()
        num_steps, losses = self._train_epoch(epoch, train, on_step)
        trained = self._clock()
        scores = {
            name: score_examples(self._model, self._collate, examples) for name, examples in dev.items()
        }
        selection = selection_score(scores, self._recipe.selection_sentiment_weight)
        return EpochReport(
            epoch=epoch,
            num_steps=num_steps,
            entity_loss=losses.mean(Task.ENTITIES),
            sentiment_loss=losses.mean(Task.SENTIMENT),
            dev=scores,
            selection=selection,
            is_best=selection > self._best,
            train_seconds=trained - started,
            dev_seconds=self._clock() - trained,
        )

    def _train_epoch(
        self, epoch: int, train: Sequence[Example], on_step: Callable[[int, int], None]
    ) -> tuple[int, _Losses]:
        recipe = self._recipe
        size = BatchSize(recipe.tokens_per_batch, recipe.max_sentences_per_batch)
        batches = draw_epoch(train, size, sentiment_share=recipe.sentiment_share, random_state=self._random)
        if self._vary:
            batches = [[self._vary(example, self._random) for example in batch] for batch in batches]
        losses = _Losses()
        self._model.train()
        pending: set[Task] = set()
        for done, examples in enumerate(batches, start=1):
            pending |= self._accumulate(self._collate(examples), losses)
            if done % recipe.accumulation == 0 or done == len(batches):
                progress = self._progress(epoch - 1, done / len(batches))
                self._step(pending, progress)
                pending = set()
                if progress >= 1 and recipe.max_seconds:
                    return done, losses
            on_step(done, len(batches))
        return len(batches), losses

    def _accumulate(self, labelled: LabelledBatch, losses: _Losses) -> set[Task]:
        """Add a batch's gradients; returns the tasks that it has labels for and that are still trained."""
        parts = self._losses(labelled)
        if not parts:
            return set()
        loss = sum(parts.values(), start=torch.zeros(()))
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss became {loss.item()}: lower learning_rate or clip_norm")
        (loss / self._recipe.accumulation).backward()  # type: ignore[no-untyped-call]
        for task, part in parts.items():
            losses.values[task].append(part.item())
        return set(parts)

    def _losses(self, labelled: LabelledBatch) -> dict[Task, Tensor]:
        tags = labelled.tags if Task.ENTITIES in self._active else None
        sentiments = labelled.sentiments if Task.SENTIMENT in self._active else None
        parts: dict[Task, Tensor] = {}
        if tags is None and sentiments is None:
            return parts
        output = self._model(labelled.batch)
        if tags is not None:
            parts[Task.ENTITIES] = self._model.ner_loss(output, labelled.batch, tags)
        if sentiments is not None:
            parts[Task.SENTIMENT] = self._model.sentiment_loss(output, sentiments)
        return parts

    def _lose_patience(self, dev: Scores) -> None:
        """Stop training a task that has stopped getting better; slow the sentiment head down before that."""
        for task, name in ((Task.ENTITIES, "entity_f1"), (Task.SENTIMENT, "sentiment_macro_f1")):
            # A task without labels in dev may be getting better.
            if any(name in scores for scores in dev.values()):
                if self._stops[task].is_over(mean_score(dev, name)):
                    self._active.discard(task)
                if task is Task.SENTIMENT and self._plateau.is_over(mean_score(dev, name)):
                    self._head_factor *= PLATEAU_FACTOR

    def _step(self, tasks: set[Task], progress: float) -> None:
        decay = max(0.0, 1 - progress) if self._recipe.schedule == "linear" else 1.0
        optimisers = self._distinct_optimisers(tasks)
        scale_learning_rates(optimisers, decay, head_factor=self._head_factor)
        moving = [p for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
        clip_gradients(moving, self._recipe.clip_norm)
        for optimiser in optimisers:
            optimiser.step()
        self._model.zero_grad(set_to_none=True)

    def _progress(self, epochs_done: int, share_of_epoch: float) -> float:
        """Return how much of the run is over, from 0 to 1: by epochs, or by time if that runs out first."""
        by_epochs = (epochs_done + share_of_epoch) / self._recipe.num_epochs
        if not self._recipe.max_seconds:
            return by_epochs
        return max(by_epochs, (self._clock() - self._start) / self._recipe.max_seconds)
