"""One corpus: its file in whichever format, which rows of it, and how they are made fit to train on with others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from training.corpora import columns
from training.corpora.json_formats import locate, parse_alert_line, parse_sentiment_line, parse_token_line
from training.corpora.label_mapping import map_entities
from training.corpora.labelled_text import LabelledText
from training.corpora.lines import read_json_lines
from training.corpora.mention_mask import is_mention, mask_mentions
from training.errors import CorpusError

# The keys that show a line's format, in the order in which they are tried.
_FORMATS = (
    (frozenset({"tokens", "tags"}), parse_token_line),
    (frozenset({"text", "entities"}), parse_alert_line),
    (frozenset({"text", "label"}), parse_sentiment_line),
)
# One post in ten of `alert_train` and `alert_hard` is kept out of training, by its id so that the choice never moves.
HELD_OUT_SHARE = 10
# The entities of the `t` half of `alert_train`, which has no types, by id: `{"id": ..., "entities": [{"text": ...,
# "type": ...}]}`. Language models acting as annotators wrote them, as they did that corpus. It holds no post.
TYPED_ENTITIES = Path(__file__).with_name("typed_entities.jsonl")


def read_corpus(path: Path) -> list[LabelledText]:
    """Read a whole file, columns or JSON lines by the end of its name; raises CorpusError with every damaged line."""
    if path.suffix in columns.SUFFIXES:
        return columns.read_columns(path)
    return read_json_lines(path, _parse_line)


def _parse_line(line: dict[str, Any]) -> LabelledText:
    for keys, parse in _FORMATS:
        if keys <= line.keys():
            return parse(line)
    raise ValueError("expected `tokens` and `tags`, `text` and `entities`, or `text` and `label`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus file and how its rows are made fit to be trained on together with others.

    Attributes:
        path: relative to the data folder, or absolute.
        only: rows must have one of these values in these fields, for example {"source": ("twitter2017",)}.
        without: rows that have one of these values in these fields are left out.
        mapping: the corpus's entity types to those of the network.
        untagged_types: types that the corpus never tags. Rows that might hold one are left out: they would teach
            the network that such entities are not entities.
        never_tags_mentions: whether user names are never entities here. They are then masked: in other corpora
            `@NASA` is an ORG, and the network could only learn to guess the corpus.
        held_out: "" for all rows, "train" or "dev" for the two sides of a split by a hash of the id.
        labels: which labels to use of a corpus that has both: "both", "entities" or "sentiment". In training each is a
            corpus of its own, so that either task has batches, and thereby steps, of its own.
        entities_not_of: rows that have one of these values in these fields keep only their sentiment.
        drops_people_handles: whether a user name that is a PER counts as no entity.
        adds_types: whether entities that the file lists without types have those of `TYPED_ENTITIES`.
    """

    path: str
    only: Mapping[str, Sequence[object]] = field(default_factory=dict)
    without: Mapping[str, Sequence[object]] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    untagged_types: tuple[str, ...] = ()
    never_tags_mentions: bool = False
    held_out: str = ""
    labels: str = "both"
    entities_not_of: Mapping[str, Sequence[object]] = field(default_factory=dict)
    drops_people_handles: bool = False
    adds_types: bool = False

    def read(self, data_folder: Path) -> list[LabelledText]:
        """Read the chosen rows that have a label; raises CorpusError.

        A -DOCSTART- line is not a row, whatever the file's format.
        """
        path = data_folder / self.path
        rows = [row for row in read_corpus(path) if self._is_wanted(row)]
        if self.adds_types:
            rows = add_types(rows, path)
        adapted = [self._adapt(row) for row in rows]
        return [row for row in adapted if row.entities is not None or row.sentiment is not None]

    def _is_wanted(self, row: LabelledText) -> bool:
        if row.text.strip() == columns.DOCUMENT_START:
            return False
        if any(row.fields.get(key) not in values for key, values in self.only.items()):
            return False
        if _has_any(row, self.without):
            return False
        if self.untagged_types and may_hide_entity(row):
            return False
        return not self.held_out or self.held_out == held_out_side(row)

    def _adapt(self, row: LabelledText) -> LabelledText:
        if self.never_tags_mentions:
            row = mask_mentions(row)
        entities = None if self.labels == "sentiment" or _has_any(row, self.entities_not_of) else row.entities
        if entities is not None and self.drops_people_handles:
            entities = tuple(e for e in entities if e.type != "PER" or not is_mention(row.text, e))
        return LabelledText(
            text=row.text,
            borders=row.borders,
            entities=None if entities is None else map_entities(entities, self.mapping),
            sentiment=None if self.labels == "entities" else row.sentiment,
            fields=row.fields,
        )


def add_types(rows: Sequence[LabelledText], path: Path) -> list[LabelledText]:
    """Return a file's rows, those whose entities have no types with those of `TYPED_ENTITIES`; raises CorpusError."""
    entities_of = {str(line["id"]): line["entities"] for line in map(orjson.loads, _typed_lines())}
    typed: list[LabelledText] = []
    for row in rows:
        listed = entities_of.get(str(row.fields.get("id"))) if row.entities is None else None
        try:
            typed.append(row if listed is None else replace(row, entities=tuple(locate(row.text, listed))))
        except ValueError as error:
            raise CorpusError(path, [(0, f"{row.fields['id']} in {TYPED_ENTITIES.name}: {error}")]) from error
    return typed


def _typed_lines() -> list[bytes]:
    return TYPED_ENTITIES.read_bytes().splitlines()


def _has_any(row: LabelledText, unwanted: Mapping[str, Sequence[object]]) -> bool:
    return any(row.fields.get(key) in values for key, values in unwanted.items())


def held_out_side(row: LabelledText) -> str:
    """Return the side of the train/dev split to which a row's id belongs."""
    return "dev" if is_held_out(str(row.fields.get("id"))) else "train"


def is_held_out(row_id: str) -> bool:
    """Return whether a row of this id is kept out of training."""
    return hashlib.sha256(row_id.encode()).digest()[0] % HELD_OUT_SHARE == 0


def may_hide_entity(row: LabelledText) -> bool:
    """Return whether an untagged token of the row looks like a name: capitalised inside a sentence, or a hashtag."""
    tagged = {index for entity in row.entities or () for index in range(entity.start, entity.end)}
    untagged = [(start, end) for start, end in row.borders if start not in tagged]
    return any(_looks_like_name(row.text, start, end) for start, end in untagged)


def _looks_like_name(text: str, start: int, end: int) -> bool:
    if text[start] == "#" or text[start - 1 : start] == "#":
        return True
    before = text[:start].rstrip()[-1:]
    starts_sentence = not before or before in ".!?:\"'“”"
    # "I" and "RT" are capitals but not names; a mention's name follows its sign.
    return (
        text[start].isupper() and not starts_sentence and before != "@" and text[start:end] not in ("I", "RT")
    )
