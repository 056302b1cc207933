"""A post that may come with its own entities and sentiment; the network supplies what is missing."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from models import AnnotationError, Annotator
from pipeline.annotate.language import Languages, annotate_wanted
from pipeline.annotate.network import load_annotator, to_annotated_post
from pipeline.errors import InvalidMessageError, RecordError, UnannotatableError
from pipeline.formats.format import BadPost, ReadPost
from pipeline.messages import AnnotatedPost, CheckpointRef, Entity, Origin, Post, Sentiment
from pipeline.messages.unknown_fields import OnUnknown
from pipeline.settings import Settings
from pipeline.sources.post_file import Document
from pipeline.sources.post_records import DocumentReader

NO_ORIGIN = Origin(topic="", partition=0, offset=0)
_NO_CHECKPOINT = CheckpointRef(name="given", sha256="0" * 64)


class GivenEntity(Struct, frozen=True):
    """An entity as a file gives it.

    Attributes:
        start: offset in the post's text, in characters; None: where `text` first occurs.
    """

    text: str
    type: str | None = None
    start: int | None = None
    score: float = 1.0


class GivenPost(Struct, frozen=True):
    """A post, with the entities and the sentiment that its file gives; None if it gives none.

    Attributes:
        given: names of the fields among these two that the file gives.
        ignored: names of those that have another form, because another program wrote them.
    """

    post: Post
    entities: list[str | GivenEntity] | None = None
    sentiment: str | Sentiment | None = None
    given: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


_GIVEN_TYPES: dict[str, Any] = {
    "entities": list[str | GivenEntity] | None,
    "sentiment": str | Sentiment | None,
}


class Given(NamedTuple):
    """What stands at one place of a file: a post, or why there is none.

    Attributes:
        number: that of its line, or of the item if the file is one document; the first is 1.
    """

    number: int
    content: GivenPost | RecordError


class GivenReader:
    """Reads the posts of documents; every document that `tocsin produce` takes is good.

    Args:
        on_unknown: called with the fields that are neither fields of a post nor used here, if there are any.

    Raises:
        SettingsError: the mapping cannot be used.
    """

    def __init__(self, settings: Settings, *, on_unknown: OnUnknown = lambda _: None) -> None:
        self._unknown: dict[str, Any] = {}  # fields of the present document
        self._reader = DocumentReader(settings, on_unknown=self._unknown.update)
        self._on_unknown = on_unknown

    def read(self, document: Document) -> list[Given]:
        """Return the posts in the document, in order. Deletions, and what is no post, are left out."""
        self._unknown.clear()
        found = list(self._reader.read(document))
        is_one = len(found) == 1
        given = [
            Given(one.number, self._to_given(one.reading, is_one=is_one))
            for one in found
            if isinstance(one.reading, (ReadPost, BadPost))
        ]
        used = {name for one in given if isinstance(one.content, GivenPost) for name in one.content.given}
        if unused := {name: value for name, value in self._unknown.items() if name not in used}:
            self._on_unknown(unused)
        return given

    def _to_given(self, reading: ReadPost | BadPost, *, is_one: bool) -> GivenPost | RecordError:
        if isinstance(reading, BadPost):
            return reading.error
        if reading.read_as.format != "tocsin":
            return GivenPost(reading.post)
        # Metadata that the post itself has may have the same name as a field, and only one post tells them apart.
        fields = self._unknown if is_one else (reading.post.metadata or {})
        given, ignored = {}, []
        for name in fields.keys() & self._unknown.keys() & _GIVEN_TYPES.keys():
            try:
                given[name] = msgspec.convert(fields[name], _GIVEN_TYPES[name])
            except msgspec.ValidationError:
                ignored.append(name)
        return GivenPost(reading.post, **given, given=tuple(given), ignored=tuple(sorted(ignored)))


class GivenAnnotator:
    """Annotates a post with what its file gives, and with the network if that is not everything.

    The network is loaded when it is first needed.

    Args:
        ignores_given: let the network annotate every post, even if its file gives entities and sentiment.
    """

    def __init__(self, settings: Settings, *, ignores_given: bool) -> None:
        self._settings = settings
        self._ignores_given = ignores_given
        self._annotator: Annotator | None = None
        self._languages = Languages(settings.wanted_languages)

    def annotate(self, given: GivenPost) -> AnnotatedPost:
        """Return the annotated post.

        Raises:
            InvalidMessageError: a given entity is not in the text, or not at its start.
            UnannotatableError: the network refuses the text.
            SettingsError: the checkpoint or the device cannot be used.
        """
        post = given.post
        if self._ignores_given:
            return self._by_network(post)
        is_complete = given.entities is not None and given.sentiment is not None
        annotated = self._bare(post) if is_complete else self._by_network(post)
        if given.entities is not None:
            entities = [_locate(entity, post.text) for entity in given.entities]
            annotated = msgspec.structs.replace(annotated, entities=entities)
        if given.sentiment is not None:
            annotated = msgspec.structs.replace(annotated, sentiment=_sentiment(given.sentiment))
        return annotated

    def _by_network(self, post: Post) -> AnnotatedPost:
        if self._annotator is None:
            self._annotator = load_annotator(self._settings)
        [(annotation, language)] = annotate_wanted(self._annotator, [post], self._languages, {})
        if isinstance(annotation, AnnotationError):
            raise UnannotatableError(str(annotation))
        annotated = to_annotated_post(post, annotation, self._annotator, origin=NO_ORIGIN, stages=[])
        return msgspec.structs.replace(annotated, language=language)

    def _bare(self, post: Post) -> AnnotatedPost:
        return AnnotatedPost(
            post=post,
            entities=[],
            sentiment=None,
            checkpoint=_NO_CHECKPOINT,
            origin=NO_ORIGIN,
            stages=[],
            language=self._languages.language_of(post),
        )


def _locate(given: str | GivenEntity, text: str) -> Entity:
    entity = GivenEntity(given) if isinstance(given, str) else given
    start = text.find(entity.text) if entity.start is None else entity.start
    if start < 0 or not entity.text or text[start : start + len(entity.text)] != entity.text:
        problem = "is not in the text" if entity.start is None else f"is not at start {entity.start}"
        raise InvalidMessageError(f"entity {entity.text!r} {problem}")
    return Entity(
        text=entity.text,
        type=entity.type or "MISC",
        start=start,
        end=start + len(entity.text),
        score=entity.score,
    )


def _sentiment(given: str | Sentiment) -> Sentiment:
    return Sentiment(label=given, score=1.0) if isinstance(given, str) else given
