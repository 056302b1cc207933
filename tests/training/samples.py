"""A handful of sentences written for these tests, with entities and sentiments, and small networks to learn them."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch

from models import Featurizer, JointModel, Sentence, Vocabularies
from training.examples.batching import Collator
from training.examples.example import Example
from training.examples.vocabulary import vocabulary_sentences
from training.network.recipe import Recipe

TAGGED = [
    ("Ada Lovelace lives in London", "B-PER I-PER O O B-LOC"),
    ("Acme Corp opens in Paris", "B-ORG I-ORG O O B-LOC"),
    ("@ Acme was late again", "O B-ORG O O O"),
    ("Nothing happened in the night", "O O O O O"),
    ("Grace Hopper visits Acme Corp in London", "B-PER I-PER O B-ORG I-ORG O B-LOC"),
    ("The Eurovision show is in Paris", "O B-MISC O O O B-LOC"),
]
FELT = [
    ("what a lovely day in London", "positive"),
    ("i love this show so much", "positive"),
    ("the train was late again", "negative"),
    ("i hate waiting at night", "negative"),
    ("the shop opens at nine", "neutral"),
    ("it is a train", "neutral"),
]


def parsed(words: tuple[str, ...]) -> Sentence:
    """The words with a parse in which each word depends on the one before it."""
    return Sentence(words, tuple(max(0, i - 1) for i in range(len(words))), ("dep",) * len(words))


def tagged_examples() -> list[Example]:
    """TAGGED as examples without a sentiment."""
    return [Example(parsed(tuple(text.split())), tuple(tags.split()), None) for text, tags in TAGGED]


def felt_examples() -> list[Example]:
    """FELT as examples without tags."""
    return [Example(parsed(tuple(text.split())), None, label) for text, label in FELT]


def write_corpora(folder: Path) -> tuple[Path, Path, Path]:
    """Files of tagged sentences, of texts with a sentiment, and of word vectors."""
    tagged, felt, glove = folder / "tagged.jsonl", folder / "felt.jsonl", folder / "glove.txt"
    tagged.write_bytes(
        b"\n".join(orjson.dumps({"tokens": text.split(), "tags": tags.split()}) for text, tags in TAGGED)
    )
    felt.write_bytes(b"\n".join(orjson.dumps({"text": text, "label": label}) for text, label in FELT))
    words = ["london", "paris", "the", "in", "late", "love", "hate", "unseen"]
    vectors = np.random.default_rng(0).normal(size=(len(words), 100)).round(3)
    rows = [f"{word} {' '.join(map(str, row))}" for word, row in zip(words, vectors.tolist(), strict=True)]
    glove.write_text("\n".join(rows) + "\n")
    return tagged, felt, glove


TRAIN = [*tagged_examples(), *felt_examples()]
DEV = {"tagged": tagged_examples(), "felt": felt_examples()}

SMALL_NETWORK = (
    "model.hidden_size=32",
    "model.embedding_dropout=0.1",
    "model.char_hidden_size=8",
    "model.gcn_size=8",
    "sentiment_share=1",
)
"""For `--set`: a network that learns the sentences in seconds."""


def recipe(**changes: Any) -> Recipe:
    """Two epochs of a tiny network on TRAIN."""
    settings: dict[str, Any] = {
        "train": ("x",),
        "dev": ("y",),
        "num_epochs": 2,
        "tokens_per_batch": 20,
        "sentiment_share": 1.0,
        "model": {"hidden_size": 16, "char_hidden_size": 8, "gcn_size": 8, "embedding_dropout": 0.1},
    }
    return Recipe(**(settings | changes))


def new_model(settings: Recipe, variant: str = "E") -> tuple[JointModel, Collator]:
    """A network for TRAIN with the recipe's seed, and what collates its batches."""
    torch.manual_seed(settings.seed)
    config = settings.model_config(variant)
    vocabularies = Vocabularies.build(vocabulary_sentences(TRAIN), [], max_tail_words=0)
    return JointModel(config, vocabularies), Collator(config, Featurizer(config, vocabularies))
