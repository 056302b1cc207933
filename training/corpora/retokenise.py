"""From a labelled text to the words and tags that the network trains on, and back to a corpus's own tokens.

Corpora disagree about tokens ("@" and the name after it are one token in WNUT-17 and two in Twitter-2017),
and the pipeline has its own tokenizer. Training on that tokenizer's words makes training and serving alike;
scoring on the corpus's tokens makes our figures comparable with the literature.
"""

from collections.abc import Sequence

from models import Span, tags_from_spans, tokenize
from training.corpora.labelled_text import SIGNS_JOINED_TO_NEXT, CharSpan, LabelledText


def retokenise(labelled: LabelledText) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Words as the pipeline would see them, and BIO tags for them (None where entities are not labelled).

    The sign of a hashtag or a handle is never part of an entity: corpora do it both ways.
    """
    tokens = tokenize(labelled.text)
    words = tuple(token.text for token in tokens)
    if labelled.entities is None:
        return words, None
    spans = cover(labelled.entities, [(token.start, token.end) for token in tokens])
    unsigned = [_without_sign(span, words) for span in spans]
    return words, tuple(tags_from_spans(unsigned, len(words), "BIO"))


def cover(entities: Sequence[CharSpan], borders: Sequence[tuple[int, int]]) -> list[Span]:
    """The tokens that each entity touches; a token belongs to the first entity that touches it.

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


def _without_sign(span: Span, words: Sequence[str]) -> Span:
    has_sign = words[span.start] in SIGNS_JOINED_TO_NEXT and span.end - span.start > 1
    return Span(span.start + 1, span.end, span.type) if has_sign else span
