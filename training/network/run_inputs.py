"""What a run learns from: its identity, and what is refused of it before anything is trained."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models import ModelConfig
from training.corpora.label_mapping import check_labels
from training.corpora.named import guidelines_of
from training.errors import LabelError, RecipeError
from training.examples.example import Example
from training.examples.glove import WordVectors
from training.network.optimisation import Task

Corpora = Mapping[str, Sequence[Example]]

_ADVICE = "rename them in the file, or list all that there are by --set 'model.{}=[...]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """Parsed examples by corpus name, and pretrained vectors."""

    train: Corpora
    dev: Corpora
    pretrained: WordVectors

    def check(self, config: ModelConfig) -> None:
        """Refuse inputs that the network cannot learn from.

        Raises:
            LabelError: a corpus has labels that the network does not have.
            RecipeError: the guidelines that the network is to know are not just those of the tagged corpora; or a
                corpus is empty; or dev has labels of nothing that is learned.
        """
        for name, examples in self._all().items():
            _check_labels(name, examples, config)
        mistakes = [*self._guideline_mistakes(config.sources)] or [*self._label_mistakes()]
        if mistakes:
            raise RecipeError("\n".join(mistakes))

    def digests(self) -> dict[str, Any]:
        """Return hashes of the corpora and of the word vectors, which show whether another run has the same."""
        return {
            "data": {name: _digest(examples) for name, examples in self._all().items()},
            "word_vectors": _digest_vectors(self.pretrained),
        }

    def _all(self) -> Corpora:
        return {**self.train, **self.dev}

    def _guideline_mistakes(self, known: Sequence[str]) -> Iterator[str]:
        if not known:
            return
        # Other tagged corpora would be learned by the guidelines of the default source, which they may contradict.
        strangers = [
            f"{name}: has entities, but its source {guidelines_of(name)!r} is not in model.sources"
            for name, examples in self._all().items()
            if guidelines_of(name) not in known and any(example.tags for example in examples)
        ]
        untaught = [
            f"model.sources: no corpus to train on is called {guidelines}-..."
            for guidelines in known
            if guidelines not in map(guidelines_of, self.train)
        ]
        yield from (*strangers, *untaught)
        if strangers or untaught:
            yield "to tell no sources apart: --set 'model.sources=[]' --set model.default_source="

    def _label_mistakes(self) -> Iterator[str]:
        yield from (f"{name}: has no text" for name, examples in self._all().items() if not examples)
        if {*untrained_tasks(self.train), *untrained_tasks(self.dev)} == set(Task):
            yield "dev: has no labels of what train has labels of, so no epoch could be chosen"


def untrained_tasks(corpora: Corpora) -> list[Task]:
    """Return the tasks for which no text has labels: their heads would stay as they were initialised."""
    examples = [example for corpus in corpora.values() for example in corpus]
    has_labels = {
        Task.ENTITIES: any(example.tags is not None for example in examples),
        Task.SENTIMENT: any(example.sentiment is not None for example in examples),
    }
    return [task for task in Task if not has_labels[task]]


def _check_labels(name: str, examples: Sequence[Example], config: ModelConfig) -> None:
    types = {tag[2:] for example in examples for tag in example.tags or () if tag != "O"}
    sentiments = {example.sentiment for example in examples if example.sentiment}
    try:
        check_labels(types, config.entity_types, advice=_ADVICE.format("entity_types"))
        check_labels(sentiments, config.sentiment_labels, advice=_ADVICE.format("sentiment_labels"))
    except LabelError as error:
        raise LabelError(f"{name}: {error}") from error


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
