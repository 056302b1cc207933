"""Scoring a network on examples in memory, as training does after every epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch

from models import JointModel, ModelConfig, spans_from_tags, tags_from_spans
from training.examples.batching import BatchSize, Collator, group_by_labels, group_by_length
from training.examples.example import Example
from training.scoring.scores import score_entities, score_sentiments

DEV_BATCH = BatchSize(max_tokens=2000, max_sentences=128)


@torch.no_grad()
def score_examples(model: JointModel, collate: Collator, examples: Sequence[Example]) -> dict[str, float]:
    """Return the entity and sentiment scores that the examples have labels for, named as in `scoring.scores`."""
    model.eval()
    gold_tags: list[Sequence[str]] = []
    guessed_tags: list[Sequence[str]] = []
    gold_sentiments: list[str] = []
    guessed_sentiments: list[str] = []
    groups = (group for alike in group_by_labels(examples) for group in group_by_length(alike, DEV_BATCH))
    for group in groups:
        output = model(batch := collate.featurize(group))
        if group[0].tags is not None:
            gold_tags += [example.tags for example in group if example.tags is not None]
            guessed_tags += [_bio(tags, model.config) for tags in model.decode(output, batch)]
        if group[0].sentiment is not None:
            gold_sentiments += [example.sentiment for example in group if example.sentiment is not None]
            best = output.sentiment_logits.argmax(dim=1).tolist()
            guessed_sentiments += [model.config.sentiment_labels[index] for index in best]
    scores: dict[str, float] = {}
    if gold_tags:
        scores |= asdict(score_entities(gold_tags, guessed_tags))
    if gold_sentiments:
        scores |= asdict(score_sentiments(gold_sentiments, guessed_sentiments))
    return scores


def selection_score(scores: Mapping[str, Mapping[str, float]], sentiment_weight: float) -> float:
    """Return mean entity F1 over the dev corpora, plus `sentiment_weight` times the mean sentiment macro recall."""
    return mean_score(scores, "entity_f1") + sentiment_weight * mean_score(scores, "sentiment_macro_recall")


def mean_score(scores: Mapping[str, Mapping[str, float]], name: str) -> float:
    """Return the mean of one score over the corpora that have it; 0 if none has."""
    values = [of_corpus[name] for of_corpus in scores.values() if name in of_corpus]
    return sum(values) / len(values) if values else 0.0


def _bio(tag_indices: Sequence[int], config: ModelConfig) -> list[str]:
    tags = [config.tags[index] for index in tag_indices]
    return tags_from_spans(spans_from_tags(tags, config.tag_scheme), len(tags), "BIO")
