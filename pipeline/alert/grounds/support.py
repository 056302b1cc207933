"""Whether the post has a word for what a theme says: the same one, or one that goes with it.

Words are compared by their stems. Which stems of posts go with a stem of themes is learnt from posts whose alerts
annotators wrote: a post with "water" or "river" supports "flood". `associations.txt` lists them, a stem of themes a
line. `python -m pipeline.offline.theme_support learn DATA` writes the file, and `measure` gives both errors.

The rule judges only what it knows. A theme is supported if the file lacks one of its words, and if the file knows too
few words of the post, as it does if the post is in another language.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

from pipeline.alert.evidence import STEM_LETTERS, content_stems

ASSOCIATIONS_FILE = "associations.txt"
MIN_KNOWN_STEMS = 5
"""How many stems of a post must be known, so that the lack of a word in it says something."""
MIN_KNOWN_SHARE = 0.4
"""And how large their share must be."""


@dataclass(frozen=True)
class Associations:
    """Which words of posts go with a word of themes.

    Attributes:
        of_theme: for a stem of themes, the stems of posts that go with it.
        known: the stems that go with any of them, but short words, which other languages share ("de", "en").
    """

    of_theme: Mapping[str, frozenset[str]]
    known: frozenset[str]

    @classmethod
    def of(cls, of_theme: Mapping[str, Iterable[str]]) -> Self:
        """Return these associations, with the known stems among them."""
        sets = {stem: frozenset(stems) for stem, stems in of_theme.items()}
        stems = frozenset().union(sets, *sets.values())
        return cls(sets, frozenset(stem for stem in stems if len(stem) == STEM_LETTERS))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the associations of a file's text: on each line a stem of themes, a colon, stems of posts."""
        lines = (line.partition(":") for line in text.splitlines())
        return cls.of({stem: stems.split() for stem, _, stems in lines})

    def support(self, theme: str, post_stems: Collection[str]) -> bool:
        """Return whether the post supports a word of the theme; True if that cannot be known.

        Args:
            post_stems: as `content_stems` gives them.
        """
        stems = content_stems(theme)
        if not stems.isdisjoint(post_stems) or not stems <= self.of_theme.keys():
            return True
        known = sum(stem in self.known for stem in post_stems)
        if known < max(MIN_KNOWN_STEMS, MIN_KNOWN_SHARE * len(post_stems)):
            return True
        return any(not self.of_theme[stem].isdisjoint(post_stems) for stem in stems)


@cache
def shipped_associations() -> Associations:
    """Return the associations that come with the package."""
    return Associations.parse((files(__package__) / ASSOCIATIONS_FILE).read_text(encoding="ascii"))
