"""The corpora by name."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.corpora import columns
from training.corpora.corpus import Corpus
from training.corpora.label_mapping import NAMED_MAPPINGS
from training.errors import RecipeError

# Texts of alert_train that other corpora below label by hand: one text must not have two contradicting labels.
_LABELLED_BY_HAND = ("conll2003", "twitter", "wnut17", "btc")
# It lists handles of private persons unevenly, and alert_hard does not: only public persons' are entities there.
_DESK: Mapping[str, Any] = {"entities_not_of": {"source": _LABELLED_BY_HAND}, "drops_people_handles": True}
_ALERTS = "alert_train/train.jsonl"
_HARD = "alert_hard/train.jsonl"
_TWITTER = "twitter_2015_2017"

_CORPORA: Mapping[str, Corpus] = {
    "conll2003-train": Corpus(path="conll2003/train.jsonl"),
    "conll2003-dev": Corpus(path="conll2003/valid.jsonl"),
    "twitter2015-train": Corpus(
        path=f"{_TWITTER}/train.jsonl", only={"source": ("twitter2015",)}, never_tags_mentions=True
    ),
    "twitter2017-train": Corpus(path=f"{_TWITTER}/train.jsonl", only={"source": ("twitter2017",)}),
    "twitter2015-dev": Corpus(path=f"{_TWITTER}/valid.jsonl", only={"source": ("twitter2015",)}),
    "twitter2017-dev": Corpus(path=f"{_TWITTER}/valid.jsonl", only={"source": ("twitter2017",)}),
    "wnut17-train": Corpus(
        path="wnut17/train.jsonl", mapping=NAMED_MAPPINGS["wnut17"], never_tags_mentions=True
    ),
    "wnut17-dev": Corpus(path="wnut17/dev.jsonl", mapping=NAMED_MAPPINGS["wnut17"]),
    # With WNUT-17's own six types, for a network that is trained for them.
    "wnut17six-train": Corpus(path="wnut17/train.jsonl"),
    "wnut17six-dev": Corpus(path="wnut17/dev.jsonl"),
    "btc-train": Corpus(path="btc/train.jsonl", without={"damaged": (True,)}, untagged_types=("MISC",)),
    # Tweebank never tags mentions either, but its names are masked already, in another form (`@USER989`).
    "tweebank-train": Corpus(path="tweebank/ner_train.jsonl"),
    "tweebank-dev": Corpus(path="tweebank/ner_dev.jsonl"),
    "alerts-train": Corpus(path=_ALERTS, **_DESK, held_out="train", labels="entities", adds_types=True),
    "alertstone-train": Corpus(path=_ALERTS, held_out="train", labels="sentiment"),
    # Its entities are those that came with types, so that scores compare with those of before.
    "alerts-dev": Corpus(path=_ALERTS, **_DESK, held_out="dev"),
    "hard-train": Corpus(path=_HARD, held_out="train", labels="entities"),
    "hardtone-train": Corpus(path=_HARD, held_out="train", labels="sentiment"),
    "hard-dev": Corpus(path=_HARD, held_out="dev"),
    "tweeteval-train": Corpus(path="tweeteval_sentiment/train.jsonl"),
    "tweeteval-dev": Corpus(path="tweeteval_sentiment/dev.jsonl"),
    "sst2-train": Corpus(path="sst2/train.jsonl"),
    "sst2-dev": Corpus(path="sst2/dev.jsonl"),
}
# To train on together with WNUT-17: the two types that mean the same there get the names that they have there.
_SIX: Mapping[str, Corpus] = {
    f"{name}six-train": replace(_CORPORA[f"{name}-train"], mapping={"PER": "person", "LOC": "location"})
    for name in ("conll2003", "twitter2015", "twitter2017", "btc")
}
CORPORA: Mapping[str, Corpus] = {**_CORPORA, **_SIX}

# Corpora that follow the guidelines of another one: all posts of the desk are annotated alike.
_FOLLOWS: Mapping[str, str] = {"hard": "alerts", "alertstone": "alerts", "hardtone": "alerts"}

# Scored once for each reported configuration, never trained or tuned on.
TEST_CORPORA: Mapping[str, Corpus] = {
    "conll2003-test": Corpus(path="conll2003/test.jsonl"),
    "twitter2015-test": Corpus(path=f"{_TWITTER}/test.jsonl", only={"source": ("twitter2015",)}),
    "twitter2017-test": Corpus(path=f"{_TWITTER}/test.jsonl", only={"source": ("twitter2017",)}),
    "wnut17-test": Corpus(path="wnut17/test.jsonl", mapping=NAMED_MAPPINGS["wnut17"]),
    "wnut17six-test": Corpus(path="wnut17/test.jsonl"),
    "tweeteval-test": Corpus(path="tweeteval_sentiment/test.jsonl"),
    "sst2-test": Corpus(path="sst2/test.jsonl"),
}


FILE_SUFFIXES = (".jsonl", *columns.SUFFIXES)


def files_in(folder: Path) -> list[str]:
    """Return the corpus files of a folder, as the paper lays out its data: `train.txt`, `valid.txt`, `test.txt`."""
    found = sorted(str(path) for path in folder.iterdir() if path.suffix in FILE_SUFFIXES)
    if not found:
        raise RecipeError(f"{folder}: no file ending in one of {', '.join(FILE_SUFFIXES)}")
    return found


def guidelines_of(name: str) -> str:
    """Return whose annotation guidelines the splits of a named corpus follow: "btc" for "btc-train"; "" for a file.

    A corpus of sentiments has guidelines too: the crowd of "tweeteval" and the desk of "alerts" judge otherwise.
    """
    own = "" if Path(name).suffix in FILE_SUFFIXES else name.rpartition("-")[0]
    return _FOLLOWS.get(own, own)


def find_corpus(name: str, table: Mapping[str, Corpus] = CORPORA) -> Corpus:
    """Return a named corpus, or the file of that path unchanged; raises RecipeError."""
    if name in table:
        return table[name]
    if Path(name).suffix in FILE_SUFFIXES:
        return Corpus(path=str(Path(name).resolve()))
    raise RecipeError(
        f"unknown corpus {name!r}: expected a file ({', '.join(FILE_SUFFIXES)}) or one of {', '.join(table)}"
    )
