"""One run from corpora to a checkpoint. It keeps its state in a folder, from which a killed run goes on."""

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from models import Featurizer, JointModel, Vocabularies, save_checkpoint
from training.corpora.named import guidelines_of
from training.errors import RunStateError
from training.examples.batching import Collator
from training.examples.example import Example
from training.examples.glove import WordVectors
from training.examples.variation import Variation, names_by_type
from training.examples.vocabulary import initial_vectors, vocabulary_sentences
from training.network.recipe import Recipe
from training.network.run_folder import RunFolder
from training.network.run_inputs import RunInputs
from training.network.trainer import EpochReport, Trainer
from training.network.trainer_state import TrainerState

_PACKAGES = ("torch", "torch-geometric", "spacy", "safetensors")


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
                the inputs are refused (`RunInputs.check`).
            RunStateError: the state of a killed run is damaged.
        """
        inputs.check(self._config)
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
        corpora = self._with_guidelines(inputs.train)
        model, vocabularies = self._new_model(
            [example for corpus in corpora.values() for example in corpus], inputs.pretrained
        )
        repeats = self._recipe.repeats
        examples = [
            e for name, corpus in corpora.items() for _ in range(repeats.get(name, 1)) for e in corpus
        ]
        collate = Collator(self._config, Featurizer(self._config, vocabularies))
        trainer = Trainer(model, collate, self._recipe, vary=self._variation(examples))
        if state:
            try:
                trainer.restore(state)
            except (KeyError, RuntimeError, ValueError) as error:
                raise RunStateError(
                    f"{self._folder.path}: its state belongs to another network: {error}"
                ) from error

        def keep(report: EpochReport) -> None:
            self._folder.append(report)
            if report.is_best:
                self._save(model, vocabularies, report, inputs)
            self._folder.save_state(trainer.state())
            on_epoch(report)

        trainer.fit(examples, self._with_guidelines(inputs.dev), on_step=on_step, on_epoch=keep)
        self._folder.finish()

    def _with_guidelines(self, corpora: Mapping[str, Sequence[Example]]) -> Mapping[str, Sequence[Example]]:
        """Mark each sentence with its corpus's guidelines; those of texts without tags are the ones that are served."""
        known = self._config.sources
        return {
            name: [example.following(guidelines) for example in examples] if guidelines in known else examples
            for name, examples in corpora.items()
            for guidelines in [guidelines_of(name)]
        }

    def _variation(self, examples: Sequence[Example]) -> Variation | None:
        if not self._recipe.variation or self._config.needs_parse:
            return None
        guidelines = self._config.default_source
        return Variation(names_by_type(examples), guidelines=guidelines, share=self._recipe.variation)

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
            **inputs.digests(),
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
            f"{self._recipe.min_count} times, without names after @, so that no account is published; then at most "
            f"{self._recipe.max_tail_words:,} other words that have a vector, the most frequent ones: each costs two "
            "bytes a dimension, and rarer ones hardly ever occur.",
        }


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result."""
    return {"python": platform.python_version()} | {
        package: metadata.version(package) for package in _PACKAGES
    }
