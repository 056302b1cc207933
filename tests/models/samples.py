"""Small sentences, vocabularies and networks for the tests; random, but the same in every run."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from models import VARIANTS, JointModel, ModelConfig, Sentence, Vocabularies

WORDS = (
    "Fire",
    "in",
    "Athens",
    "on",
    "Monday",
    "!!!",
    "@",
    "NASA",
    "iPhone",
    "5-year-old",
    "1996",
    "so",
    "😀",
)
DEPRELS = ("nsubj", "dobj", "punct", "ROOT")

SMALL_SIZES: dict[str, Any] = {
    "word_dim": 6,
    "char_dim": 4,
    "char_hidden_size": 3,
    "case_dim": 2,
    "hidden_size": 7,
    "sentiment_hidden_size": 5,
    "gcn_size": 4,
    "deprel_dim": 3,
}
SMALL_VARIANTS: dict[str, ModelConfig] = {
    letter: replace(config, **SMALL_SIZES) for letter, config in VARIANTS.items()
}


def random_sentence(length: int, seed: int) -> Sentence:
    """A sentence with a random tree."""
    source = random.Random(seed)
    heads = [source.randrange(max(token, 1)) for token in range(length)]
    return Sentence(
        words=tuple(source.choice(WORDS) for _ in range(length)),
        heads=tuple(heads),
        deprels=tuple(
            "ROOT" if head == token else source.choice(DEPRELS) for token, head in enumerate(heads)
        ),
    )


def sample_sentences(lengths: Sequence[int] = (3, 9, 1, 5, 5, 2)) -> list[Sentence]:
    """One random sentence for each length."""
    return [random_sentence(length, seed) for seed, length in enumerate(lengths)]


def small_vocabularies() -> Vocabularies:
    """Half of the words have pretrained vectors, and the tail has words that no sentence contains."""
    sentences = [Sentence(WORDS, (0,) * len(WORDS), ("dobj",) * len(WORDS)) for _ in range(3)]
    return Vocabularies.build(
        sentences, ["in", "on", "so", "fire", "athens", "flood", "nasa"], max_tail_words=9
    )


def small_model(config: ModelConfig, seed: int = 0) -> JointModel:
    """A network with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    return JointModel(config, small_vocabularies()).eval()
