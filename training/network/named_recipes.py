"""The recipes by name: those of the shipped networks, the ablation's, and the paper's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from training.corpora.named import guidelines_of
from training.errors import RecipeError
from training.network.recipe import Recipe

SOCIAL_TRAIN = (
    "conll2003-train",
    "twitter2015-train",
    "twitter2017-train",
    "wnut17-train",
    "btc-train",
    "tweebank-train",
    "alerts-train",
    "hard-train",
    "tweeteval-train",
    "alertstone-train",
    "hardtone-train",
)
SOCIAL_DEV = ("conll2003-dev", "twitter2017-dev", "tweebank-dev", "alerts-dev", "hard-dev", "tweeteval-dev")

PLAIN_TRAIN = ("conll2003-train", "tweeteval-train")
PLAIN_DEV = ("conll2003-dev", "tweeteval-dev")

# WNUT-17 with its own six types. No other corpus here has those types, but the network can learn from the others what
# a name, a person and a location is, if each sentence comes with the corpus whose guidelines it follows.
WNUT17_TRAIN = (
    "wnut17six-train",
    "conll2003six-train",
    "twitter2015six-train",
    "twitter2017six-train",
    "btcsix-train",
)
WNUT17_TYPES = ("corporation", "creative-work", "group", "location", "person", "product")
OTHERS_TYPES = ("MISC", "ORG")

# Binary sentiment like the paper's, labelled by people; small enough for dozens of runs on one core.
ABLATION_TRAIN = ("conll2003-train", "sst2-train")
ABLATION_DEV = ("conll2003-dev", "sst2-dev")
ABLATION_TEST = ("conll2003-test", "sst2-test")

# With a small encoder of its own, sentiment shares only the token features: entities lose nothing by it.
_SHIPPED_MODEL: Mapping[str, Any] = {
    "tag_scheme": "IOBES",
    "use_separate_lstms": True,
    "num_sentiment_layers": 1,
    "sentiment_hidden_size": 100,
}

# `max_tail_words` (words that no training sentence has): as many as a checkpoint of 30 MB holds.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # The corpora's guidelines disagree (user names, products; the crowd's sentiment and the desk's), so each
        # sentence comes with its corpus. The desk's posts are few, but like those that are served: they come often.
        "social": Recipe(
            train=SOCIAL_TRAIN,
            dev=SOCIAL_DEV,
            num_epochs=12,
            use_sparse_word_steps=True,
            repeats={"alerts-train": 2, "hard-train": 3, "alertstone-train": 3, "hardtone-train": 4},
            sentiment_share=0.45,
            variation=0.4,
            max_tail_words=81_000,
            model={
                **_SHIPPED_MODEL,
                "sources": list(dict.fromkeys(guidelines_of(name) for name in SOCIAL_TRAIN)),
                "default_source": "alerts",
                "sentiment_sources": ["tweeteval"],
            },
        ),
        # The shipped network without guidelines: for one corpus, or for files of your own.
        "plain": Recipe(
            train=PLAIN_TRAIN,
            dev=PLAIN_DEV,
            use_sparse_word_steps=True,
            max_tail_words=92_000,
            model=_SHIPPED_MODEL,
        ),
        "wnut17": Recipe(
            train=WNUT17_TRAIN,
            dev=("wnut17six-dev",),
            use_sparse_word_steps=True,
            max_tail_words=92_000,
            model={
                "tag_scheme": "IOBES",
                "entity_types": [*WNUT17_TYPES, *OTHERS_TYPES],
                "sources": [guidelines_of(name) for name in WNUT17_TRAIN],
                "default_source": "wnut17six",
                "source_dropout": 0.0,
            },
        ),
        # Short, because every variant is trained several times; the learning rates fall to zero all the same.
        "ablation": Recipe(
            train=ABLATION_TRAIN,
            dev=ABLATION_DEV,
            num_epochs=5,
            sentiment_share=1.0,
            model={"sentiment_labels": ["negative", "positive"]},
        ),
        # Table 2 of the paper, and only the dropout that it names. The paper does not give the plateau's patience;
        # with PyTorch's default of ten epochs training would stop before. Its sentiment labels were never published.
        "paper": Recipe(
            train=ABLATION_TRAIN,
            dev=ABLATION_DEV,
            num_epochs=30,
            tokens_per_batch=1_000_000,
            max_sentences_per_batch=64,
            sentiment_share=1.0,
            learning_rate=1e-3,
            sentiment_learning_rate=3e-3,
            use_separate_optimisers=False,
            weight_decay=0.05,
            schedule="constant",
            accumulation=2,
            clip_norm=1.0,
            plateau_patience=2,
            stop_patience=5,
            stop_min_rise=0.001,
            min_count=1,
            model={
                "use_crf": False,
                "word_dropout": 0.0,
                "embedding_dropout": 0.0,
                "ner_dropout": 0.3,
                "sentiment_dropout": 0.4,
                "sentiment_labels": ["negative", "positive"],
            },
        ),
    }
)


def find_recipe(name: str) -> Recipe:
    """Return a recipe by name; raises RecipeError."""
    if name not in RECIPES:
        raise RecipeError(f"unknown recipe {name!r}: expected one of {', '.join(RECIPES)}")
    return RECIPES[name]
