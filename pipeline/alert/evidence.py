"""What the samples of one post are held against: its entities and its words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, as_data, shown_entity, visible, without_urls
from pipeline.messages import AnnotatedPost, Entity

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?:(?<=s)['’])?")
# What models put around an alert or an entity.
DECORATION = " \"'`*“”"


@dataclass(frozen=True)
class Grounds:
    """What the samples of one post are held against."""

    entities: dict[str, Entity]  # by the form that prompts show and the LLM copies; first mention of each
    words: frozenset[str]  # of the post, case folded
    example_themes: frozenset[tuple[str, ...]]  # of the prompt, as stems
    _by_key: dict[str, Entity] = field(repr=False)
    line: str = ""  # the post as one line, case folded, colons without blanks around them or a sign behind

    @classmethod
    def of(cls, post: AnnotatedPost, example_themes: Iterable[str] = ()) -> Grounds:
        """Return the grounds of this post: its most certain entities, in the order of the text."""
        first: dict[str, Entity] = {}
        for entity in sorted(post.entities, key=lambda entity: -entity.score):
            key = shown_entity(entity.text).casefold()
            if key in first:
                first[key] = min(first[key], entity, key=lambda mention: mention.start)
            elif key and len(first) < MAX_SHOWN_ENTITIES:
                first[key] = entity
        shown = {
            shown_entity(entity.text): entity for entity in sorted(first.values(), key=lambda e: e.start)
        }
        words = frozenset(words_of(visible(post.post.text)))
        return cls(shown, words, frozenset(map(stems_of, example_themes)), first, as_line(post.post.text))

    def find_entity(self, text: str) -> Entity | None:
        """Return the post's entity that `text` names, whatever the case, and whatever a model puts around it."""
        for undecorated in (text, text.strip(DECORATION), text.strip(DECORATION + ".")):
            for form in (visible(undecorated), shown_entity(undecorated)):
                entity = self._by_key.get(form.casefold())
                if entity is not None:
                    return entity
        return None


def as_line(text: str) -> str:
    """Return the text as `Grounds.line` has the post."""
    # As the prompt shows it, uncut: what is spelled with references there, the LLM reads in plain.
    plain = as_data(without_urls(text), max_bytes=4 * len(text) + 1)
    return re.sub(r"\s*:[\s#@]*", ":", plain).casefold()


def words_of(text: str) -> list[str]:
    """Return the text's words, case folded."""
    return WORD.findall(text.casefold())


def stems_of(theme: str) -> tuple[str, ...]:
    """Return what is left of a theme's words without their endings, roughly: "floods" and "flooding" are the same."""
    return tuple(word[:4] for word in words_of(theme))
