"""What an annotator finds in a corpus, beside the corpus's own labels.

The annotator gets plain texts and cuts them into tokens of its own. Its entities are laid over the corpus's tokens
before they are scored, so the scores compare with those that others report on the same corpus.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import Annotation, AnnotationError, Annotator
from training.corpora.label_mapping import OUTSIDE, check_labels, map_entities
from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.retokenise import corpus_tags, corpus_words, tags_on

ANNOTATE_CHUNK = 512
# A text that the annotator refuses gets no entity and no right sentiment: refusing must not raise a score.
NO_SENTIMENT = "none"


@dataclass(frozen=True, slots=True)
class Predictions:
    """Gold labels and predictions in the order of the texts; lists are empty if a corpus lacks the labels.

    Attributes:
        words: for each text whose entities are labelled, the corpus's tokens.
        gold_tags, guessed_tags: BIO, one a word.
        gold_sentiments, guessed_sentiments: one a text that has a sentiment.
    """

    words: Sequence[Sequence[str]]
    gold_tags: Sequence[Sequence[str]]
    guessed_tags: Sequence[Sequence[str]]
    gold_sentiments: Sequence[str]
    guessed_sentiments: Sequence[str]


def predict(
    annotator: Annotator,
    rows: Sequence[LabelledText],
    mapping: Mapping[str, str] | None = None,
    *,
    guidelines: str = "",
) -> Predictions:
    """Annotate the rows, their labels mapped first.

    Args:
        guidelines: name of the corpus whose annotation guidelines to follow; "": the name in each row's own `source`
            field. If the network does not know that corpus, the annotator follows its own guidelines.

    Raises:
        LabelError: the rows have entity types or sentiments that the checkpoint lacks.
    """
    config = annotator.checkpoint.config
    rows = [_map_row(row, mapping or {}) for row in rows]
    check_labels({span.type for row in rows for span in row.entities or ()}, config.entity_types)
    check_labels({row.sentiment for row in rows if row.sentiment}, config.sentiment_labels)
    annotated = list(zip(rows, _annotate(annotator, rows, guidelines), strict=True))
    tagged = [(row, found) for row, found in annotated if row.entities is not None]
    felt = [(row.sentiment, _sentiment(found)) for row, found in annotated if row.sentiment]
    return Predictions(
        words=[corpus_words(row) for row, _ in tagged],
        gold_tags=[corpus_tags(row) for row, _ in tagged],
        guessed_tags=[tags_on(row, _entities(found)) for row, found in tagged],
        gold_sentiments=[gold for gold, _ in felt],
        guessed_sentiments=[guess for _, guess in felt],
    )


def _map_row(row: LabelledText, mapping: Mapping[str, str]) -> LabelledText:
    return LabelledText(
        text=row.text,
        borders=row.borders,
        entities=None if row.entities is None else map_entities(row.entities, mapping),
        sentiment=_map_sentiment(row.sentiment, mapping),
        fields=row.fields,
    )


def _map_sentiment(sentiment: str | None, mapping: Mapping[str, str]) -> str | None:
    mapped = mapping.get(sentiment, sentiment) if sentiment else None
    return None if mapped == OUTSIDE else mapped


def _annotate(
    annotator: Annotator, rows: Sequence[LabelledText], guidelines: str
) -> list[Annotation | AnnotationError]:
    known = annotator.checkpoint.config.sources
    by_guidelines: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        name = guidelines or str(row.fields.get("source", ""))
        by_guidelines[name if name in known else ""].append(index)
    found: dict[int, Annotation | AnnotationError] = {}
    for name, indices in by_guidelines.items():
        follower = annotator.following(name) if name else annotator
        # Sorted by length: a batch is as slow as the longest text in it.
        indices.sort(key=lambda index: len(rows[index].text))
        for first in range(0, len(indices), ANNOTATE_CHUNK):
            chunk = indices[first : first + ANNOTATE_CHUNK]
            found.update(zip(chunk, follower.annotate([rows[i].text for i in chunk]), strict=True))
    return [found[index] for index in range(len(rows))]


def _entities(found: Annotation | AnnotationError) -> list[CharSpan]:
    if not isinstance(found, Annotation):
        return []
    return [CharSpan(entity.start, entity.end, entity.type) for entity in found.entities]


def _sentiment(found: Annotation | AnnotationError) -> str:
    if isinstance(found, Annotation) and found.sentiment:
        return found.sentiment.label
    return NO_SENTIMENT
