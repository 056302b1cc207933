"""Training posts told a little differently each time, with labels that stay right: other names, no retweet mark.

A corpus that is seen several times an epoch would otherwise be learned by heart. Names change places with names of the
same type from the training corpora (mention replacement, Dai and Adel 2020), or get coined words, whose letters tell
nothing of the type: then only the other words do, as with a company that nobody has heard of.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from models import Sentence, Span, spans_from_tags, tags_from_spans
from training.examples.example import Example

Name = tuple[str, ...]

# No MISC: a nationality, an event and a film do not stand in the same places.
_TYPES = ("LOC", "ORG", "PER")
_SIGNS = ("@", "#")
_RETWEET = ("RT", "@", None, ":")
"""How a retweet begins; None stands for the name of an account."""


class _Piece(NamedTuple):
    words: Name
    type: str  # "" outside names


class Variation:
    """Varies tagged examples that follow one corpus's guidelines; all others come back as they are.

    Args:
        names: names by type, for those that they replace.
        guidelines: of the examples that are varied.
        share: probability that a name becomes another one, as often a known as a coined one, and that the mark of a
            retweet is left out.
    """

    def __init__(self, names: Mapping[str, Sequence[Name]], *, guidelines: str, share: float) -> None:
        self._names = names
        self._guidelines = guidelines
        self._share = share
        # Parts of coined words come from each type alike.
        words = [[w for name in names[kind] for w in name if _can_be_coined(w)] for kind in sorted(names)]
        self._words = [of_type for of_type in words if of_type]

    def __call__(self, example: Example, random_state: random.Random) -> Example:
        if example.tags is None or example.sentence.guidelines != self._guidelines:
            return example
        words, tags = example.sentence.words, example.tags
        if _is_retweet(words) and random_state.random() < self._share:
            words, tags = words[len(_RETWEET) :], tags[len(_RETWEET) :]
        pieces = _pieces(words, tags)
        # A name that stands twice in a post becomes the same name twice.
        others = {piece: self._other(piece, random_state) for piece in dict.fromkeys(pieces) if piece.type}
        varied = list(pieces)
        for index, piece in enumerate(pieces):
            before = pieces[index - 1].words[-1] if index else ""
            if piece.type and before != "@":
                name = others[piece]
                varied[index] = piece._replace(words=("".join(name),) if before == "#" else name)
        return _join(varied, example)

    def _other(self, piece: _Piece, random_state: random.Random) -> Name:
        chance = random_state.random()
        if chance >= self._share or piece.type not in self._names:
            return piece.words
        if chance < self._share / 2:
            return random_state.choice(self._names[piece.type])
        # Its only word, or half of its words: `Helix Mobility` may become `Marsen Mobility`.
        share = 0.5 if len(piece.words) > 1 else 1.0
        return tuple(
            self._coin(random_state) if _can_be_coined(word) and random_state.random() < share else word
            for word in piece.words
        )

    def _coin(self, random_state: random.Random) -> str:
        first, last = (random_state.choice(random_state.choice(self._words)) for _ in range(2))
        return first[: (len(first) + 1) // 2] + last[len(last) // 2 :].lower()


def names_by_type(examples: Iterable[Example]) -> dict[str, list[Name]]:
    """Return the distinct names of tagged examples by type, in the order in which they first stand there.

    Left out are accounts and hashtags, names without a capital, and names that the corpora give several types.
    """
    types: dict[Name, set[str]] = defaultdict(set)
    usable: dict[Name, bool] = {}
    for example in examples:
        for before, piece in _names(example):
            types[piece.words].add(piece.type)
            fits = before not in _SIGNS and piece.words[0][0].isupper()
            usable[piece.words] = usable.get(piece.words, False) or fits
    found: dict[str, list[Name]] = defaultdict(list)
    for name, of_name in types.items():
        if len(of_name) == 1 and usable[name] and of_name <= {*_TYPES}:
            found[next(iter(of_name))].append(name)
    return dict(found)


def _names(example: Example) -> Iterable[tuple[str, _Piece]]:
    """Yield each name of an example with the word before it."""
    words = example.sentence.words
    for span in spans_from_tags(example.tags or (), "BIO"):
        yield words[span.start - 1] if span.start else "", _Piece(words[span.start : span.end], span.type)


def _can_be_coined(word: str) -> bool:
    return len(word) > 2 and word.isalpha() and word[0].isupper()


def _is_retweet(words: Sequence[str]) -> bool:
    begins = zip(words, _RETWEET, strict=False)
    return len(words) > len(_RETWEET) and all(expected in (None, word) for word, expected in begins)


def _pieces(words: Sequence[str], tags: Sequence[str]) -> list[_Piece]:
    pieces: list[_Piece] = []
    end = 0
    for span in spans_from_tags(tags, "BIO"):
        pieces += [_Piece((word,), "") for word in words[end : span.start]]
        pieces.append(_Piece(tuple(words[span.start : span.end]), span.type))
        end = span.end
    return pieces + [_Piece((word,), "") for word in words[end:]]


def _join(pieces: Sequence[_Piece], origin: Example) -> Example:
    """Return an example with the origin's sentiment, but without a parse: other words would have another one."""
    words: list[str] = []
    spans: list[Span] = []
    for piece in pieces:
        if piece.type:
            spans.append(Span(len(words), len(words) + len(piece.words), piece.type))
        words += piece.words
    sentence = Sentence(tuple(words), guidelines=origin.sentence.guidelines)
    return Example(sentence, tuple(tags_from_spans(spans, len(words), "BIO")), origin.sentiment)
