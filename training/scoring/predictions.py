"""What an annotator says of a corpus, laid beside what the corpus says.

The annotator gets plain texts and cuts them its own way; its entities are laid over the corpus's own tokens
before they are scored, so the figures compare with others' on the same corpus.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import Annotation, AnnotationError, Annotator, tags_from_spans, tokenize
from training.corpora.label_mapping import OUTSIDE, check_labels, map_entities
from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.retokenise import cover

ANNOTATE_CHUNK = 512
# A text that the annotator refuses gets no entity and no right sentiment: refusing must not raise a score.
NO_SENTIMENT = "none"


@dataclass(frozen=True, slots=True)
class Predictions:
    """Gold labels and predictions in the order of the texts; lists are empty where a corpus lacks the labels.

    Attributes:
        words: of each text whose entities are labelled, as its corpus cuts it.
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
    source: str = "",
) -> Predictions:
    """Annotate the rows, their labels mapped first.

    Args:
        source: whose annotation guidelines to follow; "": those of each row's own `source` field. Where the
            network does not know them: what the annotator itself follows.

    Raises:
        LabelError: the rows have entity types or sentiments that the checkpoint lacks.
    """
    config = annotator.checkpoint.config
    rows = [_map_row(row, mapping or {}) for row in rows]
    check_labels({span.type for row in rows for span in row.entities or ()}, config.entity_types)
    check_labels({row.sentiment for row in rows if row.sentiment}, config.sentiment_labels)
    annotated = list(zip(rows, _annotate(annotator, rows, source), strict=True))
    tagged = [(row, found) for row, found in annotated if row.entities is not None]
    felt = [(row.sentiment, _sentiment(found)) for row, found in annotated if row.sentiment]
    return Predictions(
        words=[corpus_words(row) for row, _ in tagged],
        gold_tags=[corpus_tags(row) for row, _ in tagged],
        guessed_tags=[_tags_on(_entities(found), _borders(row)) for row, found in tagged],
        gold_sentiments=[gold for gold, _ in felt],
        guessed_sentiments=[guess for _, guess in felt],
    )


def corpus_words(row: LabelledText) -> list[str]:
    """A row's words: its corpus's own tokens or, where it has none, the pipeline's."""
    return [row.text[start:end] for start, end in _borders(row)]


def corpus_tags(row: LabelledText) -> list[str]:
    """A row's gold BIO tags, one for each of `corpus_words`."""
    return _tags_on(row.entities or (), _borders(row))


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
    annotator: Annotator, rows: Sequence[LabelledText], source: str
) -> list[Annotation | AnnotationError]:
    known = annotator.checkpoint.config.sources
    by_source: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        name = source or str(row.fields.get("source", ""))
        by_source[name if name in known else ""].append(index)
    found: dict[int, Annotation | AnnotationError] = {}
    for name, indices in by_source.items():
        follower = annotator.following(name) if name else annotator
        # By length, so that a batch is not as slow as the one long text in it.
        indices.sort(key=lambda index: len(rows[index].text))
        for first in range(0, len(indices), ANNOTATE_CHUNK):
            chunk = indices[first : first + ANNOTATE_CHUNK]
            found.update(zip(chunk, follower.annotate([rows[i].text for i in chunk]), strict=True))
    return [found[index] for index in range(len(rows))]


def _borders(row: LabelledText) -> Sequence[tuple[int, int]]:
    return row.borders or [(token.start, token.end) for token in tokenize(row.text)]


def _entities(found: Annotation | AnnotationError) -> list[CharSpan]:
    if not isinstance(found, Annotation):
        return []
    return [CharSpan(entity.start, entity.end, entity.type) for entity in found.entities]


def _tags_on(entities: Sequence[CharSpan], borders: Sequence[tuple[int, int]]) -> list[str]:
    return tags_from_spans(cover(entities, borders), len(borders), "BIO")


def _sentiment(found: Annotation | AnnotationError) -> str:
    if isinstance(found, Annotation) and found.sentiment:
        return found.sentiment.label
    return NO_SENTIMENT
