"""From a labelled text to the words and tags that the network trains on, and back to a corpus's own tokens.

Corpora disagree about tokens ("@" and the name after it are one token in WNUT-17 and two in Twitter-2017), and the
pipeline has its own tokenizer. Networks train on that tokenizer's words, so that training and serving agree. They are
scored on the corpus's tokens, so that our figures compare with the literature.
"""

from collections.abc import Sequence

from models import Span, tags_from_spans, tokenize
from models.text.reading import read_text
from models.text.reading.tokens import read_tokens
from training.corpora.labelled_text import SIGNS_JOINED_TO_NEXT, CharSpan, LabelledText


def retokenise(labelled: LabelledText) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return words as the pipeline would see them, and BIO tags for them (None if entities are not labelled).

    The sign of a hashtag or a handle is never part of an entity: corpora do it both ways.
    """
    tokens = read_tokens(read_text(labelled.text))
    words = tuple(token.text for token in tokens)
    if labelled.entities is None:
        return words, None
    spans = cover(labelled.entities, [(token.start, token.end) for token in tokens])
    unsigned = [_without_sign(span, words) for span in spans]
    return words, tuple(tags_from_spans(unsigned, len(words), "BIO"))


def cover(entities: Sequence[CharSpan], borders: Sequence[tuple[int, int]]) -> list[Span]:
    """Return the tokens that each entity touches; a token belongs to the first entity that touches it.

    An entity that is left without a token (two entities in one token) is dropped.
    """
    spans: list[Span] = []
    first_free = 0
    for entity in sorted(entities, key=lambda entity: (entity.start, entity.end)):
        touched = [
            index
            for index, (start, end) in enumerate(borders)
            if index >= first_free and start < entity.end and end > entity.start
        ]
        if touched:
            spans.append(Span(touched[0], touched[-1] + 1, entity.type))
            first_free = touched[-1] + 1
    return spans


def corpus_words(row: LabelledText) -> list[str]:
    """Return a row's words: its corpus's own tokens or, if it has none, the pipeline's."""
    return [row.text[start:end] for start, end in _borders(row)]


def corpus_tags(row: LabelledText) -> list[str]:
    """Return a row's gold BIO tags, one for each of `corpus_words`."""
    return tags_on(row, row.entities or ())


def tags_on(row: LabelledText, entities: Sequence[CharSpan]) -> list[str]:
    """Return the BIO tags of any entities in the row's text, one for each of `corpus_words`."""
    borders = _borders(row)
    return tags_from_spans(cover(entities, borders), len(borders), "BIO")


def _borders(row: LabelledText) -> Sequence[tuple[int, int]]:
    return row.borders or [(token.start, token.end) for token in tokenize(row.text)]


def _without_sign(span: Span, words: Sequence[str]) -> Span:
    has_sign = words[span.start] in SIGNS_JOINED_TO_NEXT and span.end - span.start > 1
    return Span(span.start + 1, span.end, span.type) if has_sign else span
