"""What a prompt shows of a long post: its opening, and the passages around its entities.

All text here has the form of `plain_text.as_data`: one line, single blanks. A passage is cut at blanks, so what is
shown of it stands in the post word for word; only a run of letters without a blank (a script without blanks) is cut
anywhere.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

ELLIPSIS = "…"
_GAP = f" {ELLIPSIS} "

_OPENING_SHARE = 1 / 3  # of the bytes
_MAX_PASSAGES = 7  # beside those of first mentions; then each is about a sentence
_MAX_MENTIONS = 64  # of one name
_UNIT = re.compile(r"\S{1,40} ?")
_SENTENCE_END = re.compile(r"[.!?…。][\"'’”)]* ?\Z")


def passages(text: str, names: Iterable[str], max_bytes: int) -> str | None:
    """Return the opening of a text and the passages around names, in the order of the text, joined by an ellipsis.

    Args:
        text: more than `max_bytes`.
        names: the entities as prompts list them. Of each the first mention is shown, then the last one, then others,
            as long as there is room.
        max_bytes: of the result, in UTF-8; several hundred at least.

    Returns:
        The passages; None if no name stands after the opening.
    """
    units = [match.span() for match in _UNIT.finditer(text)]
    sentences = list(_sentences(text, units))
    shown = _ShownUnits([len(text[start:end].encode()) for start, end in units], max_bytes)
    shown.show_opening(sentences, share=_OPENING_SHARE)
    starts = [start for start, _ in units]
    firsts, others = _mentions(text, names)
    growing = []
    for start, end in chain(firsts, islice(others, _MAX_PASSAGES)):
        seed = range(bisect_right(starts, start) - 1, bisect_left(starts, end))
        if not shown.has(seed) and shown.show(seed):
            growing.append(_around(seed, sentences))
    if not growing:
        return None
    in_turn = (unit for round_ in zip_longest(*growing) for unit in round_ if unit is not None)
    shown.show(chain(in_turn, range(len(units))))
    return _joined(
        [text[units[run.start][0] : units[run.stop - 1][1]] for run in shown.runs()], shown.is_end_shown
    )


class _ShownUnits:
    """Which units are shown, within a limit of bytes that counts the gaps between them.

    Args:
        sizes: bytes of each unit.
        max_bytes: the limit.
    """

    def __init__(self, sizes: Sequence[int], max_bytes: int) -> None:
        self._sizes = sizes
        self._max_bytes = max_bytes
        self._gap_bytes = len(_GAP.encode())
        self._is_shown = bytearray(len(sizes) + 1)  # one more, which is never shown, after the end
        self._num_bytes = self._gap_bytes  # of an ellipsis at the end

    @property
    def is_end_shown(self) -> bool:
        return bool(self._is_shown[-2])

    def show_opening(self, sentences: Sequence[range], *, share: float) -> None:
        """Show whole sentences up to this share of the limit, and at least half of that."""
        for sentence in sentences:
            if self._num_bytes + sum(map(self._sizes.__getitem__, sentence)) > share * self._max_bytes:
                if self._num_bytes < share / 2 * self._max_bytes:
                    self.show(sentence, share=share)
                return
            self.show(sentence)

    def has(self, units: range) -> bool:
        return all(self._is_shown[unit] for unit in units)

    def show(self, units: Iterable[int], *, share: float = 1.0) -> bool:
        """Show units until they fill this share of the limit; return whether all are shown."""
        for unit in units:
            if self._is_shown[unit]:
                continue
            before, after = unit > 0 and self._is_shown[unit - 1], self._is_shown[unit + 1]
            num_bytes = self._num_bytes + self._sizes[unit] + self._gap_bytes * (1 - before - after)
            if num_bytes > share * self._max_bytes:
                return False
            self._is_shown[unit] = True
            self._num_bytes = num_bytes
        return True

    def runs(self) -> Iterator[range]:
        """Yield the runs of units that are shown."""
        for match in re.finditer(rb"\x01+", self._is_shown):
            yield range(*match.span())


def _mentions(text: str, names: Iterable[str]) -> tuple[list[tuple[int, int]], Iterator[tuple[int, int]]]:
    """Return where each name stands first, and where else, the last mention of each name before the others."""
    found = [list(islice(_places(text, name), _MAX_MENTIONS)) for name in names]
    firsts = [of_name[0] for of_name in found if of_name]
    lasts = [of_name[-1] for of_name in found if len(of_name) > 1]
    between = (place for of_name in found for place in of_name[1:-1])
    return firsts, chain(sorted(lasts, reverse=True), between)


def _places(text: str, name: str) -> list[tuple[int, int]]:
    """Return where the name stands as a word of its own; where it stands at all if it never does."""
    anywhere = [match.span() for match in re.finditer(re.escape(name), text)]
    alone = [(start, end) for start, end in anywhere if not _is_inside_a_word(text, start, end)]
    return alone or anywhere


def _is_inside_a_word(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()


def _sentences(text: str, units: Sequence[tuple[int, int]]) -> Iterator[range]:
    """Yield the units of each sentence."""
    start = 0
    for index, unit in enumerate(units, start=1):
        if index == len(units) or _SENTENCE_END.search(text, *unit):
            yield range(start, index)
            start = index


def _around(seed: range, sentences: Sequence[range]) -> Iterator[int]:
    """Yield the units around a seed: those of its sentence, the nearest first, then the sentence after and before."""
    at = bisect_right(sentences, seed.start, key=lambda sentence: sentence.start) - 1
    own = sentences[at]
    for after, before in zip_longest(range(seed.stop, own.stop), range(seed.start - 1, own.start - 1, -1)):
        yield from (unit for unit in (after, before) if unit is not None)
    if at + 1 < len(sentences):
        yield from sentences[at + 1]
    if at:
        yield from reversed(sentences[at - 1])


def _joined(pieces: Sequence[str], is_end_shown: bool) -> str:
    joined = _GAP.join(piece.strip() for piece in pieces)
    return joined if is_end_shown else f"{joined.rstrip()}{ELLIPSIS}"
