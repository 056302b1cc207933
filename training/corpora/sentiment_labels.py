"""Sentiments from a Hugging Face classifier for sentences that have none, as the paper labelled its data.

Such labels come from a model, not from people; each line names the model in `sentiment_source`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from training.corpora.labelled_text import LabelledText
from training.corpora.retokenise import corpus_tags, corpus_words
from training.errors import ClassifierError

DEFAULT_MODEL = "siebert/sentiment-roberta-large-english"
KNOWN_LABELS = ("negative", "neutral", "positive")

Classifier = Callable[[Sequence[str]], list[tuple[str, float]]]
"""From texts to their labels and the labels' probabilities."""


def load_classifier(model: str, labels: Sequence[str] = ()) -> Classifier:
    """Load a sequence classifier by its name on the Hugging Face hub, or from a local folder.

    Args:
        labels: what the model's outputs mean, in order; needed only if the model names them LABEL_0, LABEL_1, ...

    Raises:
        ClassifierError: it cannot be loaded, or its labels are not sentiments.
    """
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise ClassifierError(f"{error}: install it with `pip install 'tocsin[labels]'`") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        network = AutoModelForSequenceClassification.from_pretrained(model).eval()
    except (OSError, ValueError) as error:
        raise ClassifierError(
            f"{model}: cannot be loaded as a classifier: give a local folder or a name on the hub ({error})"
        ) from error
    names = list(labels) or [network.config.id2label[index] for index in range(network.config.num_labels)]
    sentiments = _sentiments(model, names, network.config.num_labels)

    @torch.inference_mode()
    def classify(texts: Sequence[str]) -> list[tuple[str, float]]:
        inputs = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        scores, best = network(**inputs).logits.softmax(dim=-1).max(dim=-1)
        return [
            (sentiments[index], score) for index, score in zip(best.tolist(), scores.tolist(), strict=True)
        ]

    return classify


def label_rows(
    rows: Sequence[LabelledText],
    classify: Classifier,
    output: Path,
    *,
    model: str,
    identity: str,
    batch_size: int,
    on_batch: Callable[[int, int], None],
) -> None:
    """Write the rows as JSON lines, each with its own sentiment or the classifier's.

    Finished lines lie in a hidden file beside the output until all are there; called again with the same rows and
    classifier, it goes on from that file.

    Args:
        model: the classifier's name, for `sentiment_source`.
        identity: as `identify` gives it.
    """
    part = output.with_name(f".{output.name}.{_digest(rows, identity)}")
    num_done = _trim(part)
    with part.open("ab") as file:
        for first in range(num_done, len(rows), batch_size):
            on_batch(first, len(rows))
            batch = rows[first : first + batch_size]
            file.write(b"".join(orjson.dumps(line) + b"\n" for line in _label(batch, classify, model)))
            file.flush()
    on_batch(len(rows), len(rows))
    part.replace(output)


def _label(batch: Sequence[LabelledText], classify: Classifier, model: str) -> list[Mapping[str, Any]]:
    unlabelled = [row for row in batch if row.sentiment is None]
    found = iter(classify([row.text for row in unlabelled]) if unlabelled else [])
    return [_line(row) if row.sentiment is not None else _line(row, *next(found), model) for row in batch]


def _line(
    row: LabelledText, label: str | None = None, score: float | None = None, model: str = ""
) -> dict[str, Any]:
    made = {"sentiment_score": score, "sentiment_source": model} if label else {}
    sentiment = label or row.sentiment
    if row.entities is None:
        return {**row.fields, "text": row.text, "label": sentiment, **made}
    return {
        **row.fields,
        "tokens": corpus_words(row),
        "tags": corpus_tags(row),
        "sentiment": sentiment,
        **made,
    }


def _sentiments(model: str, names: Sequence[str], num_labels: int) -> list[str]:
    sentiments = [name.lower() for name in names]
    if len(sentiments) != num_labels or not set(sentiments) <= set(KNOWN_LABELS):
        raise ClassifierError(
            f"{model}: has {num_labels} labels, {', '.join(names)}: give their meanings in the same order, for "
            "example --labels negative,neutral,positive"
        )
    return sentiments


def identify(model: str, labels: Sequence[str] = ()) -> str:
    """Return a hash of a classifier: of its name on the hub or the content of its folder, and of its labels."""
    digest = hashlib.sha256(repr((model, labels)).encode())
    files = sorted(Path(model).rglob("*")) if Path(model).is_dir() else []
    for file in filter(Path.is_file, files):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _digest(rows: Sequence[LabelledText], identity: str) -> str:
    digest = hashlib.sha256(identity.encode())
    for row in rows:
        digest.update(repr((row.text, row.entities, row.sentiment)).encode())
    return digest.hexdigest()[:12]


def _trim(part: Path) -> int:
    """Cut off a line that a kill left unfinished; returns the number of whole lines."""
    if not part.exists():
        return 0
    content = part.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    part.write_bytes(whole)
    return whole.count(b"\n")
