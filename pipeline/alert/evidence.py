"""What the samples of one post are checked against: the post's entities and its words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, as_data, seen, shown_entity, visible, without_urls
from models.text.reading import read_text
from pipeline.messages import AnnotatedPost, Entity

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?:(?<=s)['’])?")
# What LLMs put around an alert or an entity.
DECORATION = " \"'`*“”"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the samples of one post are checked against.

    Attributes:
        entities: the first mention of each entity, under the form that prompts show and the LLM copies.
        words: the words of the post as read, case folded.
        example_themes: the stems of each theme among the prompt's examples.
        line: the post as read, as one case-folded line, with no blanks around colons and no `#` or `@` after them.
    """

    entities: dict[str, Entity]
    words: frozenset[str]
    example_themes: frozenset[tuple[str, ...]]
    line: str

    @classmethod
    def of(cls, post: AnnotatedPost, example_themes: Iterable[str] = ()) -> Evidence:
        """Return the evidence of this post: its most certain entities, in the order of the text."""
        first: dict[str, Entity] = {}
        for entity in sorted(post.entities, key=lambda entity: -entity.score):
            key = shown_entity(entity.text).casefold()
            if key in first:
                first[key] = min(first[key], entity, key=lambda mention: mention.start)
            elif key and len(first) < MAX_SHOWN_ENTITIES:
                first[key] = entity
        in_order = sorted(first.values(), key=lambda entity: entity.start)
        return cls(
            entities={shown_entity(entity.text): entity for entity in in_order},
            words=frozenset(words_of(seen(post.post.text))),
            example_themes=frozenset(map(stems_of, example_themes)),
            line=as_line(post.post.text),
        )

    def find_entity(self, text: str) -> Entity | None:
        """Return the post's entity that `text` names, in any case and with any decoration around it."""
        for undecorated in (text, text.strip(DECORATION), text.strip(DECORATION + ".")):
            for form in (visible(undecorated), shown_entity(undecorated)):
                entity = self._folded_entities.get(form.casefold())
                if entity is not None:
                    return entity
        return None

    @cached_property
    def _folded_entities(self) -> dict[str, Entity]:
        return {shown.casefold(): entity for shown, entity in self.entities.items()}


def as_line(text: str) -> str:
    """Return the text in the form of `Evidence.line`."""
    # Like the prompt's text but not cut.
    read = read_text(text).text
    plain = as_data(without_urls(read), max_bytes=4 * len(read) + 1)
    return re.sub(r"\s*:[\s#@]*", ":", plain).casefold()


def words_of(text: str) -> list[str]:
    """Return the text's words, case folded."""
    return WORD.findall(text.casefold())


def stems_of(theme: str) -> tuple[str, ...]:
    """Return the first four letters of each word: a rough stem, the same for "floods" and "flooding"."""
    return tuple(word[:4] for word in words_of(theme))
