import copy
from collections.abc import Iterator, Mapping, Sequence

import pytest
import torch

import training.network.trainer as trainer_module
from models import JointModel
from tests.training.samples import DEV, TRAIN, felt_examples, new_model, recipe, tagged_examples
from training.errors import TrainingError
from training.examples.batching import Collator
from training.examples.example import Example
from training.network.optimisation import Task, build_optimisers, clip_gradients
from training.network.recipe import Recipe
from training.network.trainer import EpochReport, Trainer


def fit(
    settings: Recipe, variant: str = "E", clock: Iterator[float] | None = None
) -> tuple[JointModel, list[EpochReport]]:
    model, collate = new_model(settings, variant)
    reports: list[EpochReport] = []
    trainer = Trainer(model, collate, settings, clock=(lambda: next(clock)) if clock else (lambda: 0.0))
    trainer.fit(TRAIN, DEV, on_step=lambda done, total: None, on_epoch=reports.append)
    return model, reports


def moved(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("variant", ["A", "D", "E", "F"])
def test_a_few_epochs_learn_both_tasks(variant: str) -> None:
    """The network learns a dozen sentences by heart: entities and sentiments."""
    settings = recipe(num_epochs=60, learning_rate=5e-3, sentiment_learning_rate=5e-3)
    _, reports = fit(settings, variant)
    assert reports[-1].dev["tagged"]["entity_f1"] > 0.8
    assert reports[-1].dev["felt"]["sentiment_macro_recall"] > 0.8
    best = max(reports, key=lambda report: report.selection)
    assert best.is_best
    assert set(best.dev["tagged"]) & set(best.dev["felt"]) == set()


def test_the_same_seed_gives_the_same_network() -> None:
    """Two runs agree to the last bit; another seed does not."""
    first, second, other = fit(recipe())[0], fit(recipe())[0], fit(recipe(seed=2))[0]
    assert not moved(first.state_dict(), second.state_dict())
    assert moved(first.state_dict(), other.state_dict())


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_batch_moves_only_the_weights_of_its_task(rate: float) -> None:
    """Sentiment never moves the tag head, entities never the sentiment head; at rate 0 shared layers stay."""
    settings = recipe(sentiment_shared_rate=rate, weight_decay=0.0)
    model, collate = new_model(settings)
    optimisers = build_optimisers(model, settings)
    for task, examples in ((Task.ENTITIES, tagged_examples()), (Task.SENTIMENT, felt_examples())):
        before = copy.deepcopy(model.state_dict())
        labelled = collate(examples)
        output = model(labelled.batch)
        if labelled.tags is not None:
            model.ner_loss(output, labelled.batch, labelled.tags).backward()  # type: ignore[no-untyped-call]
        elif labelled.sentiments is not None:
            model.sentiment_loss(output, labelled.sentiments).backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers[task]:
            optimiser.step()
        model.zero_grad(set_to_none=True)
        parts = {name.split(".")[0] for name in moved(before, model.state_dict())}
        shared = {"token_encoder", "encoder"}
        expected = {"tag_head", "decoder"} | shared if task is Task.ENTITIES else {"sentiment_head"}
        assert parts == expected | (shared if rate else set())


@pytest.mark.parametrize("sparse", [True, False])
def test_a_word_can_stay_fixed_while_no_batch_holds_it(sparse: bool) -> None:
    """With sparse steps words of the last batch stay as they are; with dense ones Adam's moments still move them."""
    settings = recipe(use_sparse_word_steps=sparse, weight_decay=0.0)
    model, collate = new_model(settings)
    optimisers = build_optimisers(model, settings)[Task.ENTITIES]
    first, second = tagged_examples()[:1], tagged_examples()[1:2]
    for examples in (first, second):
        labelled = collate(examples)
        assert labelled.tags is not None
        loss = model.ner_loss(model(labelled.batch), labelled.batch, labelled.tags)
        loss.backward()  # type: ignore[no-untyped-call]
        before = model.token_encoder.word.trained.weight.detach().clone()
        for optimiser in optimisers:
            optimiser.step()
        model.zero_grad(set_to_none=True)
    only_first = set(collate(first).batch.words.flatten().tolist()) - set(
        labelled.batch.words.flatten().tolist()
    )
    now_moved = (model.token_encoder.word.trained.weight != before).any(dim=1)
    assert only_first
    assert {bool(now_moved[word]) for word in only_first} == {not sparse}
    assert any(now_moved[word] for word in labelled.batch.words.flatten())


@pytest.mark.parametrize("max_norm", [0.01, 100.0])
def test_sparse_gradients_are_clipped_like_dense_ones(max_norm: float) -> None:
    """A sparse gradient, repeated indices in it, counts and shrinks as PyTorch's clipping has it for a dense one."""
    torch.manual_seed(0)
    dense, sparse = torch.nn.Embedding(9, 4), torch.nn.Embedding(9, 4, sparse=True)
    sparse.load_state_dict(dense.state_dict())
    layer = torch.nn.Linear(4, 2)
    clipped = []
    for embedding, clip in ((dense, torch.nn.utils.clip_grad_norm_), (sparse, clip_gradients)):
        layer.zero_grad()
        layer(embedding(torch.tensor([1, 1, 5]))).pow(2).sum().backward()
        parameters: list[torch.Tensor] = [embedding.weight, *layer.parameters()]
        clip(parameters, max_norm)
        clipped.append([p.grad.to_dense().clone() for p in parameters if p.grad is not None])
    assert len(clipped[0]) == 3
    torch.testing.assert_close(clipped[1], clipped[0])


def test_a_step_is_clipped() -> None:
    """Adam ignores the size of all gradients, but not of one batch among larger ones: the weights differ."""
    assert moved(fit(recipe(clip_norm=1e-3))[0].state_dict(), fit(recipe(clip_norm=5.0))[0].state_dict())


def test_time_ends_a_run_early() -> None:
    """With a clock that goes on by a second at each look, the run ends after its time and still scores dev."""
    ticks = iter(float(n) for n in range(10**6))
    settings = recipe(num_epochs=1000, max_seconds=30)
    _, reports = fit(settings, clock=ticks)
    assert 1 <= len(reports) < 30
    assert next(ticks) < 60


def test_losses_are_reported_for_each_task() -> None:
    """Both tasks had batches in every epoch."""
    _, reports = fit(recipe())
    assert [report.epoch for report in reports] == [1, 2]
    for report in reports:
        assert report.entity_loss is not None
        assert report.sentiment_loss is not None
        assert report.num_steps >= 4


def test_a_diverged_run_is_an_error() -> None:
    """A loss that is not a number ends the run with advice, not with a broken checkpoint."""
    settings = recipe()
    model, collate = new_model(settings)
    with torch.no_grad():
        next(model.tag_head.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="lower learning_rate"):
        Trainer(model, collate, settings).fit(TRAIN, DEV, on_step=lambda d, t: None, on_epoch=_ignore)


def _ignore(report: EpochReport) -> None:
    """Not reached."""


def test_accumulated_batches_make_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """With accumulation 3, an epoch of n batches has ceil(n / 3) steps."""
    settings = recipe(num_epochs=1, accumulation=3, use_separate_optimisers=False)
    model, collate = new_model(settings)
    trainer = Trainer(model, collate, settings)
    steps: list[Sequence[Task]] = []
    step = trainer._step

    def counted(tasks: set[Task], progress: float) -> None:
        steps.append(list(tasks))
        step(tasks, progress)

    monkeypatch.setattr(trainer, "_step", counted)
    reports: list[EpochReport] = []
    trainer.fit(TRAIN, DEV, on_step=lambda done, total: None, on_epoch=reports.append)
    assert len(steps) == -(-reports[0].num_steps // 3)


def test_a_task_that_does_not_improve_is_stopped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """While entity F1 stands still and sentiment rises, only sentiment goes on; when both stand, the run ends."""
    rising = iter([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])

    def fake_scores(model: JointModel, collate: Collator, examples: Sequence[Example]) -> dict[str, float]:
        return {"entity_f1": 0.5} if examples[0].tags else {"sentiment_macro_f1": next(rising)}

    monkeypatch.setattr(trainer_module, "score_examples", fake_scores)
    monkeypatch.setattr(trainer_module, "selection_score", lambda scores, weight: 0.0)
    _, reports = fit(recipe(num_epochs=30, stop_patience=2))
    trained = [(report.entity_loss is not None, report.sentiment_loss is not None) for report in reports]
    assert trained == [(True, True)] * 3 + [(False, True)] * 3


def test_a_plateau_lowers_the_rate_of_the_sentiment_head_alone() -> None:
    """Its rate falls to a tenth if the sentiment stalls; the other rates stay."""
    settings = recipe(num_epochs=4, plateau_patience=2, schedule="constant", learning_rate=1e-8)
    model, collate = new_model(settings.with_changes(["sentiment_learning_rate=1e-8"]))
    trainer = Trainer(model, collate, settings.with_changes(["sentiment_learning_rate=1e-8"]))
    trainer.fit(TRAIN, DEV, on_step=lambda done, total: None, on_epoch=lambda report: None)
    [optimiser] = trainer._optimisers[Task.SENTIMENT]
    head, *shared = optimiser.param_groups
    assert head["lr"] == pytest.approx(1e-9)
    assert [group["lr"] for group in shared] == [pytest.approx(1e-8)] * 2


def test_a_task_without_labels_in_dev_loses_no_patience() -> None:
    """Without labels in dev, nothing shows that the task does not improve."""
    settings = recipe(num_epochs=6, stop_patience=2, learning_rate=1e-8, sentiment_learning_rate=1e-8)
    model, collate = new_model(settings)
    reports: list[EpochReport] = []
    Trainer(model, collate, settings).fit(
        TRAIN, {"felt": felt_examples()}, on_step=lambda done, total: None, on_epoch=reports.append
    )
    assert [report.entity_loss is not None for report in reports] == [True] * 6
    assert reports[-1].sentiment_loss is None
