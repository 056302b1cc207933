"""Posts a second of all rows side by side: one process, one thread, CPU time, batch by batch in turn."""

import gc
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from models import Annotator, Checkpoint, Featurizer, Sentence, load_checkpoint
from models.annotator import MAX_BUCKET_TOKENS
from models.network.buckets import bucket_by_length

BATCH_TEXTS = 1024  # as many as `tocsin annotate` takes at once
# Other work on the machine slows now one network, now another, and makes none faster: each one's best round counts.
ROUNDS = 6
# The first batches fill the memory of spellings and warm the machine's caches.
WARM_SHARE = 1 / 5

Post = TypeVar("Post")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedTexts:
    """The same posts twice: as texts for the annotator, parsed for the network alone."""

    corpus: str
    texts: Sequence[str]
    sentences: Sequence[Sentence]


def measure_speed(checkpoints: Mapping[str, Path], posts: SpeedTexts) -> dict[str, Any]:
    """`posts_per_second` of each checkpoint, by `annotator` (text in, annotation out) and `network`.

    In a round each network reads every text once. Networks begin a round without any memory of words, so that this
    memory helps only as much as it does in a stream.
    """
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    # The cost of collecting what training left behind would fall on the network that happens to run then.
    gc.collect()
    gc.disable()
    try:
        rounds = [_measure_round(checkpoints, posts) for _ in range(ROUNDS)]
    finally:
        gc.enable()
        torch.set_num_threads(num_threads)
    return {
        "corpus": posts.corpus,
        "num_texts": len(posts.texts),
        "batch_texts": BATCH_TEXTS,
        "rounds": ROUNDS,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "posts_per_second": {
            name: {kind: max(rates[kind][name] for rates in rounds) for kind in rounds[0]}
            for name in checkpoints
        },
    }


def _measure_round(checkpoints: Mapping[str, Path], posts: SpeedTexts) -> dict[str, dict[str, float]]:
    annotators = {name: Annotator(load_checkpoint(path)).annotate for name, path in checkpoints.items()}
    networks = {name: _network(load_checkpoint(path)) for name, path in checkpoints.items()}
    return {"annotator": _rates(annotators, posts.texts), "network": _rates(networks, posts.sentences)}


def _network(checkpoint: Checkpoint) -> Callable[[Sequence[Sentence]], object]:
    """Features, forward pass and decoding of parsed sentences, without the annotator's memory of words."""
    model = checkpoint.model
    featurize = Featurizer(checkpoint.config, checkpoint.vocabularies)

    @torch.inference_mode()
    def run(sentences: Sequence[Sentence]) -> None:
        for bucket in bucket_by_length([len(s.words) for s in sentences], MAX_BUCKET_TOKENS):
            batch = featurize([sentences[index] for index in bucket])
            output = model(batch)
            model.decode_entities(output, batch)
            output.sentiment_logits.softmax(dim=-1).max(dim=-1)

    return run


def _rates(runs: Mapping[str, Callable[[Sequence[Post]], object]], posts: Sequence[Post]) -> dict[str, float]:
    batches = [posts[first : first + BATCH_TEXTS] for first in range(0, len(posts), BATCH_TEXTS)]
    num_warm = min(math.ceil(len(batches) * WARM_SHARE), len(batches) - 1)
    seconds = dict.fromkeys(runs, 0.0)
    for number, batch in enumerate(batches):
        for name, run in runs.items():
            started = time.process_time()
            run(batch)
            if number >= num_warm:
                seconds[name] += time.process_time() - started
    num_measured = sum(len(batch) for batch in batches[num_warm:])
    return {name: round(num_measured / max(taken, 1e-9), 1) for name, taken in seconds.items()}
