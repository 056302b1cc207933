"""What the samples of one post are checked against: the post's entities and its words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import msgspec

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, as_data, seen, shown_entity, visible, without_urls
from models.text.hashtags.name import words_of_name
from models.text.reading import read_text
from pipeline.messages import AnnotatedPost, Entity
from pipeline.settings.checks import MentionsName

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?:(?<=s)['’])?")
STEM_LETTERS = 4


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list with blanks between them."""
    return frozenset(text.split())


# What LLMs put around an alert or an entity.
DECORATION = " \"'`*“”"
# They stand for nothing by themselves: a theme that ends in one breaks off ("Support at").
FUNCTION_WORDS = word_set(
    "a an the and or but nor of in on at by for from to into onto with without about against between during under "
    "over after before since until as than that this these those is are was were be been has have had do does did will "
    "would can could should may might must not very his her its their our your my who whom which whose if because "
    "while via"
)
_WORD_BREAK = re.compile("['’-]")
# The name of a hashtag or a handle.
_NAME = re.compile(r"[#＃@＠](\w++)")
# A handle of any network, such as @user and @user@instance.example, in a text as read.
_HANDLE = re.compile(r"[@＠]\w++(?:[@.-]\w++)*+")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the samples of one post are checked against.

    Attributes:
        entities: the first mention of each entity, under the form that prompts show and the LLM copies.
        words: the words of the post as read, case folded.
        stems: the stems of what the post says, hashtags cut into their words.
        example_themes: the stems of each theme among the prompt's examples.
        line: the post as read, as one case-folded line, with no blanks around colons and no `#` or `@` after them.
    """

    entities: dict[str, Entity]
    words: frozenset[str]
    stems: frozenset[str]
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
        text = seen(post.post.text)
        return cls(
            entities={shown_entity(entity.text): entity for entity in in_order},
            words=frozenset(words_of(text)),
            stems=stems_of_post(text),
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
    """Return the first letters of each word: a rough stem, the same for "floods" and "flooding"."""
    return tuple(word[:STEM_LETTERS] for word in words_of(theme))


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the text's words, also of those that a hyphen joins, without function words and letters."""
    words = (part for word in words_of(text) for part in _WORD_BREAK.split(word))
    return frozenset(word[:STEM_LETTERS] for word in words if len(word) > 1 and word not in FUNCTION_WORDS)


def stems_of_post(text: str) -> frozenset[str]:
    """Return the stems of a post as a reader sees it, without links; hashtags and handles also as their words."""
    text = without_urls(text)
    names = (match[1] for match in _NAME.finditer(text))
    words = (name[start:end] for name in names for start, end in words_of_name(name))
    return content_stems(text) | content_stems(" ".join(words))


def without_mentions(post: AnnotatedPost, mentions: MentionsName) -> AnnotatedPost:
    """Return the post without the entities that no alert may name because they stand in a handle (`@joe_smith`).

    An entity that also stands elsewhere in the text stays, with that place.

    Args:
        mentions: which entities in handles alerts may name: those of organisations, all or none.
    """
    if mentions == "all" or not post.entities:
        return post
    kept_type = "ORG" if mentions == "organisations" else None
    read = read_text(post.post.text)
    handles = [read.to_source(*match.span()) for match in _HANDLE.finditer(read.text)]
    ends = [end for _, end in handles]

    def is_kept(entity: Entity) -> bool:
        next_handle = bisect_right(ends, entity.start)  # the first that ends after the entity begins
        in_handle = next_handle < len(handles) and handles[next_handle][0] < entity.end
        return not in_handle or entity.type == kept_type

    return msgspec.structs.replace(post, entities=[entity for entity in post.entities if is_kept(entity)])
