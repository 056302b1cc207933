"""Posts of known languages: the words of English posts, of posts that were read by us, and of sentences of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.annotate.language_detector import words_of_text

# English but for a few posts, which count against every detector alike.
ENGLISH = (
    "airline/dev.jsonl",
    "tweeteval_sentiment/dev.jsonl",
    "vader_tweets/all.jsonl",
    "crisis/disaster_kaggle.jsonl",
    "crisis/crisislex_t6.jsonl",
)
_READ = "crisis/crisislex_t26.jsonl"
_FOLDER = Path(__file__).parent


def english_posts(data: Path) -> list[str]:
    """Return the words of the posts of English corpora."""
    return [words_of_text(line["text"]) for name in ENGLISH for line in _json_lines(data / name)]


def read_posts(data: Path, half: str) -> list[tuple[str, str]]:
    """Return language and words of the posts of one half (`dev` or `held`) that were read by us."""
    rows = (line.split("\t") for line in _lines("labels.tsv"))
    codes = {post_id: code for row_half, code, post_id in rows if row_half == half}
    return [
        (codes[line["id"]], words_of_text(line["text"]))
        for line in _json_lines(data / _READ)
        if line["id"] in codes
    ]


def own_sentences() -> list[tuple[str, str]]:
    """Return language and words of the sentences of our own; none is English."""
    rows = (line.split("\t") for line in _lines("sentences.tsv"))
    return [(code, words_of_text(text)) for code, text in rows]


def _lines(name: str) -> list[str]:
    return (_FOLDER / name).read_text(encoding="utf-8").splitlines()


def _json_lines(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
