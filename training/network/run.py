"""One run from corpora to a checkpoint, in a folder (`run_folder`) from which a killed run goes on."""

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models import Featurizer, JointModel, ModelConfig, Vocabularies, save_checkpoint
from training.corpora.label_mapping import check_labels
from training.corpora.named import source_of
from training.errors import LabelError, RecipeError, RunStateError
from training.examples.batching import Collator
from training.examples.example import Example
from training.examples.glove import WordVectors
from training.examples.initial_vectors import initial_vectors
from training.examples.vocabulary_sentences import vocabulary_sentences
from training.network.optimisation import Task
from training.network.recipe import Recipe
from training.network.run_folder import RunFolder
from training.network.trainer import EpochReport, Trainer
from training.network.trainer_state import TrainerState

_ADVICE = "rename them in the file, or name all that there are by --set 'model.{}=[...]'"
_PACKAGES = ("torch", "torch-geometric", "spacy", "safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """What a run learns from: parsed examples by corpus name, and pretrained vectors."""

    train: Mapping[str, Sequence[Example]]
    dev: Mapping[str, Sequence[Example]]
    pretrained: WordVectors


class TrainingRun:
    """A variant, trained by a recipe into an output folder."""

    def __init__(self, variant: str, recipe: Recipe, output: Path, *, name: str) -> None:
        self._variant = variant
        self._recipe = recipe
        self._folder = RunFolder(output)
        self._name = name
        self._config = recipe.model_config(variant)

    def run(
        self,
        inputs: RunInputs,
        *,
        on_step: Callable[[int, int], None],
        on_epoch: Callable[[EpochReport], None],
    ) -> None:
        """Train and leave the best checkpoint in the output folder; a killed run goes on after its last epoch.

        Raises:
            LabelError: a corpus has labels that the network does not have.
            RecipeError: the output folder already holds a finished run, or one with other settings or data; or
                the network is to know sources, and not just those of the tagged corpora; or a corpus is empty,
                or nothing that is learned is labelled in dev.
            RunStateError: the state of a killed run is damaged.
        """
        _check_corpora({**inputs.train, **inputs.dev}, self._config)
        _check_sources(inputs, self._config.sources)
        _check_labels_are_there(inputs)
        with closing(self._folder):
            state = self._folder.open(self._settings(inputs))
            self._train(inputs, state, on_step=on_step, on_epoch=on_epoch)

    def _train(
        self,
        inputs: RunInputs,
        state: TrainerState | None,
        *,
        on_step: Callable[[int, int], None],
        on_epoch: Callable[[EpochReport], None],
    ) -> None:
        # Before anything random is drawn: initial weights, dropout masks.
        torch.manual_seed(self._recipe.seed)
        examples = [example for corpus in self._with_sources(inputs.train).values() for example in corpus]
        model, vocabularies = self._new_model(examples, inputs.pretrained)
        collate = Collator(self._config, Featurizer(self._config, vocabularies))
        trainer = Trainer(model, collate, self._recipe)
        if state:
            try:
                trainer.restore(state)
            except (KeyError, RuntimeError, ValueError) as error:
                raise RunStateError(
                    f"{self._folder.path}: its state is of another network: {error}"
                ) from error

        def keep(report: EpochReport) -> None:
            self._folder.append(report)
            if report.is_best:
                self._save(model, vocabularies, report, inputs)
            self._folder.save_state(trainer.state())
            on_epoch(report)

        trainer.fit(examples, self._with_sources(inputs.dev), on_step=on_step, on_epoch=keep)
        self._folder.finish()

    def _with_sources(self, corpora: Mapping[str, Sequence[Example]]) -> Mapping[str, Sequence[Example]]:
        """Tell each sentence whose guidelines it follows; texts without tags follow those that are served."""
        known = self._config.sources
        return {
            name: [example.from_source(source) for example in examples] if source in known else examples
            for name, examples in corpora.items()
            for source in [source_of(name)]
        }

    def _new_model(
        self, examples: Sequence[Example], pretrained: WordVectors
    ) -> tuple[JointModel, Vocabularies]:
        vocabularies = Vocabularies.build(
            vocabulary_sentences(examples),
            pretrained.words,
            max_tail_words=self._recipe.max_tail_words,
            min_count=self._recipe.min_count,
        )
        vectors = initial_vectors(vocabularies, pretrained, self._config.word_dim)
        return JointModel(self._config, vocabularies, vectors), vocabularies

    def _settings(self, inputs: RunInputs) -> dict[str, Any]:
        return {
            "variant": self._variant,
            "recipe": self._recipe.to_dict(),
            "model": self._config.to_dict(),
            "data": {name: _digest(corpus) for name, corpus in {**inputs.train, **inputs.dev}.items()},
            "word_vectors": _digest_vectors(inputs.pretrained),
            "versions": package_versions(),
        }

    def _save(
        self, model: JointModel, vocabularies: Vocabularies, report: EpochReport, inputs: RunInputs
    ) -> None:
        save_checkpoint(
            self._folder.checkpoint,
            name=self._name,
            model=model,
            config=self._config,
            vocabularies=vocabularies,
            metadata={
                "variant": self._variant,
                "recipe": self._recipe.to_dict(),
                "epoch": report.epoch,
                "dev": {name: dict(scores) for name, scores in report.dev.items()},
                "selection": {
                    "score": report.selection,
                    "meaning": "mean entity F1 over the dev corpora + "
                    f"{self._recipe.selection_sentiment_weight} x mean sentiment macro recall",
                },
                "data": {name: len(corpus) for name, corpus in inputs.train.items()},
                "vocabulary": self._describe(vocabularies),
                "versions": package_versions(),
            },
        )

    def _describe(self, vocabularies: Vocabularies) -> dict[str, Any]:
        num_trained = vocabularies.num_trainable_words
        return {
            "trained_words": num_trained,
            "frozen_tail_words": len(vocabularies.words) - num_trained,
            "reason": "Words of the training posts that have a pretrained vector or were seen at least "
            f"{self._recipe.min_count} times, names after @ left out so that nobody's account is published; "
            f"then the most frequent other words that have a vector, at most {self._recipe.max_tail_words:,}: "
            "each costs two bytes a dimension, and rarer ones are hardly ever met.",
        }


def untrained_tasks(corpora: Mapping[str, Sequence[Example]]) -> list[Task]:
    """The tasks for which no text has labels; trained on these, their heads stay as they were initialised."""
    examples = [example for corpus in corpora.values() for example in corpus]
    has_labels = {
        Task.ENTITIES: any(example.tags is not None for example in examples),
        Task.SENTIMENT: any(example.sentiment is not None for example in examples),
    }
    return [task for task in Task if not has_labels[task]]


def _check_corpora(corpora: Mapping[str, Sequence[Example]], config: ModelConfig) -> None:
    for name, examples in corpora.items():
        types = {tag[2:] for example in examples for tag in example.tags or () if tag != "O"}
        sentiments = {example.sentiment for example in examples if example.sentiment}
        try:
            check_labels(types, config.entity_types, advice=_ADVICE.format("entity_types"))
            check_labels(sentiments, config.sentiment_labels, advice=_ADVICE.format("sentiment_labels"))
        except LabelError as error:
            raise LabelError(f"{name}: {error}") from error


def _check_sources(inputs: RunInputs, known: Sequence[str]) -> None:
    if not known:
        return
    tagged = {
        name: source_of(name)
        for name, examples in {**inputs.train, **inputs.dev}.items()
        if any(example.tags for example in examples)
    }
    # Else it would be learned as if by the guidelines of the default source, which it may contradict.
    mistakes = [
        f"{name}: has entities, but its source {source!r} is not in model.sources"
        for name, source in tagged.items()
        if source not in known
    ]
    mistakes += [
        f"model.sources: no corpus to train on is called {source}-..."
        for source in known
        if source not in map(source_of, inputs.train)
    ]
    if mistakes:
        mistakes.append("to tell no sources apart: --set 'model.sources=[]' --set model.default_source=")
        raise RecipeError("\n".join(mistakes))


def _check_labels_are_there(inputs: RunInputs) -> None:
    mistakes = [f"{name}: has no text" for name, rows in {**inputs.train, **inputs.dev}.items() if not rows]
    if {*untrained_tasks(inputs.train), *untrained_tasks(inputs.dev)} == set(Task):
        mistakes.append("dev: has no labels of what train has labels of, so no epoch could be chosen")
    if mistakes:
        raise RecipeError("\n".join(mistakes))


def _digest(examples: Sequence[Example]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        sentence = example.sentence
        content = (sentence.words, sentence.heads, sentence.deprels, example.tags, example.sentiment)
        digest.update(repr(content).encode())
    return digest.hexdigest()[:16]


def _digest_vectors(pretrained: WordVectors) -> str:
    digest = hashlib.sha256(repr(pretrained.words).encode())
    digest.update(np.ascontiguousarray(pretrained.vectors).data)
    return digest.hexdigest()[:16]


def package_versions() -> dict[str, str]:
    """Versions of what decides a result."""
    return {"python": platform.python_version()} | {
        package: metadata.version(package) for package in _PACKAGES
    }
