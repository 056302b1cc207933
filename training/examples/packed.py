"""Examples on disk: numbers in safetensors, texts in JSON, no pickle."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models import Sentence
from training.errors import FeatureStoreError
from training.examples.example import Example

ARRAYS_FILE = "arrays.safetensors"
TEXTS_FILE = "texts.json"
NONE = -1


def write_examples(folder: Path, examples: Sequence[Example]) -> None:
    """Write parsed examples into an existing folder."""
    deprels = _number(label for example in examples for label in example.sentence.deprels or ())
    tags = _number(tag for example in examples for tag in example.tags or ())
    sentiments = _number(example.sentiment for example in examples if example.sentiment is not None)
    arrays = {
        "lengths": [len(example.sentence.words) for example in examples],
        "heads": [head for example in examples for head in example.sentence.heads or ()],
        "deprels": [deprels[label] for example in examples for label in example.sentence.deprels or ()],
        "tags": [index for example in examples for index in _tag_indices(example, tags)],
        "sentiments": [NONE if e.sentiment is None else sentiments[e.sentiment] for e in examples],
    }
    save_file({name: np.array(values, np.int32) for name, values in arrays.items()}, folder / ARRAYS_FILE)
    texts = {
        "words": [word for example in examples for word in example.sentence.words],
        "deprels": list(deprels),
        "tags": list(tags),
        "sentiments": list(sentiments),
    }
    (folder / TEXTS_FILE).write_bytes(orjson.dumps(texts))


def read_examples(folder: Path) -> list[Example]:
    """Read what `write_examples` wrote; raises FeatureStoreError."""
    try:
        arrays = {name: array.tolist() for name, array in load_file(folder / ARRAYS_FILE).items()}
        texts = orjson.loads((folder / TEXTS_FILE).read_bytes())
        return list(_unpack(arrays, texts))
    except (OSError, SafetensorError, ValueError, KeyError, IndexError, TypeError) as error:
        raise FeatureStoreError(f"{folder}: damaged ({error}); delete it and run again") from error


def _unpack(arrays: dict[str, Any], texts: dict[str, Any]) -> Iterable[Example]:
    first = 0
    for length, sentiment in zip(arrays["lengths"], arrays["sentiments"], strict=True):
        end = first + length
        sentence = Sentence(
            tuple(texts["words"][first:end]),
            tuple(arrays["heads"][first:end]),
            tuple(texts["deprels"][index] for index in arrays["deprels"][first:end]),
        )
        indices = arrays["tags"][first:end]
        tags = None if NONE in indices else tuple(texts["tags"][index] for index in indices)
        yield Example(sentence, tags, None if sentiment == NONE else texts["sentiments"][sentiment])
        first = end


def _tag_indices(example: Example, numbers: dict[str, int]) -> list[int]:
    if example.tags is None:
        return [NONE] * len(example.sentence.words)
    return [numbers[tag] for tag in example.tags]


def _number(labels: Iterable[str]) -> dict[str, int]:
    return {label: index for index, label in enumerate(dict.fromkeys(labels))}
