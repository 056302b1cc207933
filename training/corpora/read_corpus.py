"""Reading a corpus file as it is: columns, or one of three kinds of JSON lines."""

from pathlib import Path
from typing import Any

from training.corpora import columns
from training.corpora.alert_corpus import parse_alert_line
from training.corpora.labelled_text import LabelledText
from training.corpora.lines import read_json_lines
from training.corpora.sentiment_corpus import parse_sentiment_line
from training.corpora.token_corpus import parse_token_line

# The keys that tell a line's format, in the order in which they are tried.
_FORMATS = (
    (frozenset({"tokens", "tags"}), parse_token_line),
    (frozenset({"text", "entities"}), parse_alert_line),
    (frozenset({"text", "label"}), parse_sentiment_line),
)


def read_corpus(path: Path) -> list[LabelledText]:
    """Read a corpus, a column file or JSON lines by its name's ending; raises CorpusError with every damaged line."""
    if path.suffix in columns.SUFFIXES:
        return columns.read_columns(path)
    return read_json_lines(path, _parse_line)


def _parse_line(line: dict[str, Any]) -> LabelledText:
    for keys, parse in _FORMATS:
        if keys <= line.keys():
            return parse(line)
    raise ValueError("expected `tokens` and `tags`, `text` and `entities`, or `text` and `label`")
