"""One run from corpora to a checkpoint, and the folder that it leaves behind.

recipe.json     every setting, the variant, versions
metrics.jsonl   one line an epoch
checkpoint/     the best epoch so far, ready to be served
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import orjson
import torch

from models import Featurizer, JointModel, ModelConfig, Vocabularies, save_checkpoint
from training.batching import Collator
from training.errors import LabelError, RecipeError
from training.example import Example
from training.glove import WordVectors
from training.initial_vectors import initial_vectors
from training.label_mapping import check_labels
from training.recipe import Recipe
from training.trainer import EpochReport, Trainer
from training.vocabulary_sentences import vocabulary_sentences

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
        self._output = output
        self._name = name
        self._config = recipe.model_config(variant)

    def run(
        self,
        inputs: RunInputs,
        *,
        on_step: Callable[[int, int], None],
        on_epoch: Callable[[EpochReport], None],
    ) -> None:
        """Train and leave the best checkpoint in the output folder.

        Raises:
            LabelError: a corpus has labels that the network does not have.
            RecipeError: the output folder already holds a run.
        """
        _check_corpora({**inputs.train, **inputs.dev}, self._config)
        self._open_folder()
        # Before anything random is drawn: initial weights, dropout masks.
        torch.manual_seed(self._recipe.seed)
        examples = [example for corpus in inputs.train.values() for example in corpus]
        vocabularies = Vocabularies.build(
            vocabulary_sentences(examples),
            inputs.pretrained.words,
            max_tail_words=self._recipe.max_tail_words,
            min_count=self._recipe.min_count,
        )
        vectors = initial_vectors(vocabularies, inputs.pretrained, self._config.word_dim)
        model = JointModel(self._config, vocabularies, vectors)
        collate = Collator(self._config, Featurizer(self._config, vocabularies))

        def keep(report: EpochReport) -> None:
            self._append_metrics(report)
            if report.is_best:
                self._save(model, vocabularies, report, inputs)
            on_epoch(report)

        Trainer(model, collate, self._recipe).fit(examples, inputs.dev, on_step=on_step, on_epoch=keep)

    def _open_folder(self) -> None:
        settings = self._output / "recipe.json"
        if settings.exists():
            raise RecipeError(f"{self._output} already holds a run: choose another --output or delete it")
        self._output.mkdir(parents=True, exist_ok=True)
        content = {
            "variant": self._variant,
            "recipe": self._recipe.to_dict(),
            "model": self._config.to_dict(),
            "versions": _versions(),
        }
        settings.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))

    def _append_metrics(self, report: EpochReport) -> None:
        with (self._output / "metrics.jsonl").open("ab") as file:
            file.write(orjson.dumps(asdict(report)) + b"\n")

    def _save(
        self, model: JointModel, vocabularies: Vocabularies, report: EpochReport, inputs: RunInputs
    ) -> None:
        save_checkpoint(
            self._output / "checkpoint",
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
                "versions": _versions(),
            },
        )

    def _describe(self, vocabularies: Vocabularies) -> dict[str, Any]:
        num_trained = vocabularies.num_trainable_words
        return {
            "trained_words": num_trained,
            "frozen_tail_words": len(vocabularies.words) - num_trained,
            "reason": "Words of the training posts that have a GloVe vector or were seen at least "
            f"{self._recipe.min_count} times, names after @ left out so that nobody's account is published; "
            "then the most frequent other words of GloVe 6B, cut so that the folder stays below 30 MB: each "
            "costs 200 bytes, and rarer ones are hardly ever met.",
        }


def _check_corpora(corpora: Mapping[str, Sequence[Example]], config: ModelConfig) -> None:
    for name, examples in corpora.items():
        types = {tag[2:] for example in examples for tag in example.tags or () if tag != "O"}
        sentiments = {example.sentiment for example in examples if example.sentiment}
        try:
            check_labels(types, config.entity_types)
            check_labels(sentiments, config.sentiment_labels)
        except LabelError as error:
            raise LabelError(f"{name}: {error}") from error


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        package: metadata.version(package) for package in _PACKAGES
    }
