from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from models import (
    VARIANTS,
    Annotation,
    AnnotationError,
    Annotator,
    Entity,
    Sentiment,
    tokenize,
)
from training.corpora.labelled_text import CharSpan, LabelledText
from training.errors import LabelError
from training.scoring.evaluation import evaluate


class FakeAnnotator:
    """Finds every given name as an ORG, calls every text positive, and refuses texts longer than 40 characters."""

    checkpoint = SimpleNamespace(config=VARIANTS["F"])

    def __init__(self, *names: str) -> None:
        self._names = names

    def annotate(self, texts: Sequence[str]) -> list[Annotation | AnnotationError]:
        return [self._annotate(text) for text in texts]

    def _annotate(self, text: str) -> Annotation | AnnotationError:
        if len(text) > 40:
            return AnnotationError("the fake network refuses this")
        found = [(text.find(name), name) for name in self._names if name in text]
        entities = tuple(Entity(name, "ORG", start, start + len(name), 1.0) for start, name in found)
        return Annotation(tuple(tokenize(text)), entities, Sentiment("positive", 1.0))


def annotator(*names: str) -> Annotator:
    return cast(Annotator, FakeAnnotator(*names))


def test_entities_are_mapped_to_the_corpus_tokens() -> None:
    """The entity "NASA" inside the corpus's one token "@NASA" counts as that token."""
    row = LabelledText(text="hi @NASA", borders=((0, 2), (3, 8)), entities=(CharSpan(3, 8, "ORG"),))
    assert evaluate(annotator("NASA"), [row], {})["entity_f1"] == 1


def test_a_text_without_corpus_tokens_is_scored_on_the_annotators() -> None:
    """Alert lines have no tokens of their own, so borders must be exact there."""
    row = LabelledText(text="hi @NASA", entities=(CharSpan(4, 8, "ORG"),))
    assert evaluate(annotator("NASA"), [row], {})["entity_f1"] == 1
    assert evaluate(annotator("@NASA"), [row], {})["entity_f1"] == 0


def test_a_refused_text_counts_against_the_network() -> None:
    """Texts that the annotator refuses count as missed, in entities and in sentiment."""
    long = "NASA " + "x" * 40
    rows = [
        LabelledText(text=long, borders=((0, 4),), entities=(CharSpan(0, 4, "ORG"),), sentiment="positive"),
        LabelledText(text="NASA", borders=((0, 4),), entities=(CharSpan(0, 4, "ORG"),), sentiment="positive"),
    ]
    scores = evaluate(annotator("NASA"), rows, {})
    assert (scores["entity_recall"], scores["entity_precision"]) == (0.5, 1.0)
    assert scores["sentiment_accuracy"] == 0.5
    untokenised = LabelledText(text=long, entities=(CharSpan(0, 4, "ORG"),))
    assert evaluate(annotator("NASA"), [untokenised], {})["token_weighted_f1"] != 1


def test_scores_without_labels_are_none() -> None:
    """A corpus without gold labels has no score."""
    scores = evaluate(annotator(), [LabelledText(text="a", sentiment="neutral")], {})
    assert scores["entity_f1"] is None
    assert scores["sentiment_accuracy"] == 0


def test_foreign_labels_are_refused_unless_mapped() -> None:
    """Entity types and sentiments are both checked."""
    rows = [
        LabelledText(text="NASA", borders=((0, 4),), entities=(CharSpan(0, 4, "group"),), sentiment="good")
    ]
    with pytest.raises(LabelError, match="group"):
        evaluate(annotator("NASA"), rows, {})
    with pytest.raises(LabelError, match="good"):
        evaluate(annotator("NASA"), rows, {"group": "ORG"})
    scores = evaluate(annotator("NASA"), rows, {"group": "ORG", "good": "positive"})
    assert (scores["entity_f1"], scores["sentiment_accuracy"]) == (1, 1)
