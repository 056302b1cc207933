"""Scoring a checkpoint on a corpus, through the same annotator that the pipeline uses.

The annotator gets plain texts and cuts them its own way; its entities are laid over the corpus's own tokens
before they are scored, so the figures compare with others' on the same corpus.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields

from models import Annotation, AnnotationError, Annotator, tags_from_spans, tokenize
from training.label_mapping import check_labels, map_entities
from training.labelled_text import CharSpan, LabelledText
from training.retokenise import cover
from training.scores import EntityScores, SentimentScores, score_entities, score_sentiments

ANNOTATE_CHUNK = 512
# A text that the annotator refuses gets no entity and no right sentiment: refusing must not raise a score.
NO_SENTIMENT = "none"

SCORE_NAMES = tuple(field.name for kind in (EntityScores, SentimentScores) for field in fields(kind))

Scores = dict[str, float | None]
Annotated = tuple[LabelledText, Annotation | AnnotationError]


def evaluate(annotator: Annotator, rows: Sequence[LabelledText], mapping: Mapping[str, str]) -> Scores:
    """Score the annotator; scores for which the rows have no labels are None.

    Raises:
        LabelError: the rows have entity types or sentiments that the checkpoint lacks.
    """
    config = annotator.checkpoint.config
    rows = [_map_row(row, mapping) for row in rows]
    check_labels({span.type for row in rows for span in row.entities or ()}, config.entity_types)
    check_labels({row.sentiment for row in rows if row.sentiment}, config.sentiment_labels)
    annotated = list(_annotate(annotator, rows))
    scores: Scores = dict.fromkeys(SCORE_NAMES)
    tags = [_tags(row, found) for row, found in annotated if row.entities is not None]
    if tags:
        scores |= asdict(score_entities([gold for gold, _ in tags], [guess for _, guess in tags]))
    labels = [(row.sentiment, _sentiment(found)) for row, found in annotated if row.sentiment]
    if labels:
        scores |= asdict(score_sentiments([gold for gold, _ in labels], [guess for _, guess in labels]))
    return scores


def _map_row(row: LabelledText, mapping: Mapping[str, str]) -> LabelledText:
    return LabelledText(
        text=row.text,
        borders=row.borders,
        entities=None if row.entities is None else map_entities(row.entities, mapping),
        sentiment=mapping.get(row.sentiment, row.sentiment) if row.sentiment else None,
        fields=row.fields,
    )


def _annotate(annotator: Annotator, rows: Sequence[LabelledText]) -> Iterator[Annotated]:
    # By length, so that a batch is not as slow as the one long text in it.
    ordered = sorted(rows, key=lambda row: len(row.text))
    for first in range(0, len(ordered), ANNOTATE_CHUNK):
        chunk = ordered[first : first + ANNOTATE_CHUNK]
        yield from zip(chunk, annotator.annotate([row.text for row in chunk]), strict=True)


def _tags(row: LabelledText, found: Annotation | AnnotationError) -> tuple[list[str], list[str]]:
    """Gold and predicted BIO tags of a row, on its corpus's tokens or, where it has none, the pipeline's."""
    guesses: list[CharSpan] = []
    if isinstance(found, Annotation):
        guesses = [CharSpan(entity.start, entity.end, entity.type) for entity in found.entities]
    borders = row.borders or [(token.start, token.end) for token in tokenize(row.text)]
    return _tags_on(row.entities or (), borders), _tags_on(guesses, borders)


def _tags_on(entities: Sequence[CharSpan], borders: Sequence[tuple[int, int]]) -> list[str]:
    return tags_from_spans(cover(entities, borders), len(borders), "BIO")


def _sentiment(found: Annotation | AnnotationError) -> str:
    if isinstance(found, Annotation) and found.sentiment:
        return found.sentiment.label
    return NO_SENTIMENT
