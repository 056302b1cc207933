"""One corpus: its file in whichever format, which rows of it, and how they are made fit to train on with others."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.corpora import columns
from training.corpora.json_formats import parse_alert_line, parse_sentiment_line, parse_token_line
from training.corpora.label_mapping import map_entities
from training.corpora.labelled_text import LabelledText
from training.corpora.lines import read_json_lines
from training.corpora.mention_mask import mask_mentions

# The keys that show a line's format, in the order in which they are tried.
_FORMATS = (
    (frozenset({"tokens", "tags"}), parse_token_line),
    (frozenset({"text", "entities"}), parse_alert_line),
    (frozenset({"text", "label"}), parse_sentiment_line),
)
# One post in ten of `alert_train` is kept out of training, chosen by its id so that the choice never moves.
HELD_OUT_SHARE = 10


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
        drop_sentiment: whether to use only the entities of a corpus that has both labels.
    """

    path: str
    only: Mapping[str, Sequence[object]] = field(default_factory=dict)
    without: Mapping[str, Sequence[object]] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    untagged_types: tuple[str, ...] = ()
    never_tags_mentions: bool = False
    held_out: str = ""
    drop_sentiment: bool = False

    def read(self, data_folder: Path) -> list[LabelledText]:
        """Read the chosen rows that have a label; raises CorpusError.

        A -DOCSTART- line is not a row, whatever the file's format.
        """
        rows = read_corpus(data_folder / self.path)
        adapted = [self._adapt(row) for row in rows if self._is_wanted(row)]
        return [row for row in adapted if row.entities is not None or row.sentiment is not None]

    def _is_wanted(self, row: LabelledText) -> bool:
        if row.text.strip() == columns.DOCUMENT_START:
            return False
        if any(row.fields.get(key) not in values for key, values in self.only.items()):
            return False
        if any(row.fields.get(key) in values for key, values in self.without.items()):
            return False
        if self.untagged_types and may_hide_entity(row):
            return False
        return not self.held_out or self.held_out == held_out_side(row)

    def _adapt(self, row: LabelledText) -> LabelledText:
        if self.never_tags_mentions:
            row = mask_mentions(row)
        return LabelledText(
            text=row.text,
            borders=row.borders,
            entities=None if row.entities is None else map_entities(row.entities, self.mapping),
            sentiment=None if self.drop_sentiment else row.sentiment,
            fields=row.fields,
        )


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
