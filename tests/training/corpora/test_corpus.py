from pathlib import Path

import orjson
import pytest

from training.corpora.corpus import read_corpus
from training.corpora.labelled_text import CharSpan
from training.errors import CorpusError


def write_lines(path: Path, *lines: object) -> Path:
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines))
    return path


def test_tagged_tokens_become_a_text_with_entities(tmp_path: Path) -> None:
    """Tokens are joined by spaces, signs to the word after them; entities lie at character offsets."""
    tokens = ["@", "NASA", "lands", "in", "New", "York"]
    tags = ["O", "B-ORG", "O", "O", "B-LOC", "I-LOC"]
    [row] = read_corpus(write_lines(tmp_path / "a.jsonl", {"tokens": tokens, "tags": tags, "source": "x"}))
    assert row.text == "@NASA lands in New York"
    assert row.entities == (CharSpan(1, 5, "ORG"), CharSpan(15, 23, "LOC"))
    assert [row.text[start:end] for start, end in row.borders] == tokens
    assert row.fields == {"source": "x"}


def test_types_with_hyphens_are_read(tmp_path: Path) -> None:
    """WNUT-17's creative-work is one type."""
    line = {
        "tokens": ["Game", "of", "Thrones"],
        "tags": ["B-creative-work", "I-creative-work", "I-creative-work"],
    }
    [row] = read_corpus(write_lines(tmp_path / "a.jsonl", line))
    assert row.entities == (CharSpan(0, 15, "creative-work"),)


def test_adjacent_entities_stay_apart(tmp_path: Path) -> None:
    """A B- tag begins a new entity right after another one of the same type."""
    line = {"tokens": ["Rome", "Oslo"], "tags": ["B-LOC", "B-LOC"]}
    [row] = read_corpus(write_lines(tmp_path / "a.jsonl", line))
    assert row.entities == (CharSpan(0, 4, "LOC"), CharSpan(5, 9, "LOC"))


def test_sentiment_texts_are_decoded(tmp_path: Path) -> None:
    """Literal escapes and HTML entities of TweetEval become characters."""
    line = {"text": r"It\u2019s fish &amp; chips\u002c \ud83d\ude00", "label": "positive"}
    [row] = read_corpus(write_lines(tmp_path / "a.jsonl", line))
    assert (row.text, row.sentiment, row.entities) == ("It’s fish & chips, 😀", "positive", None)


def test_every_damaged_line_is_reported(tmp_path: Path) -> None:
    """All bad lines are listed at once, each with file, number and what is wrong."""
    path = write_lines(
        tmp_path / "bad.jsonl",
        {"tokens": ["a"], "tags": ["O"]},
        b"{not json",
        {"tokens": ["a", "b"], "tags": ["O"]},
        {"tokens": ["a"], "tags": ["I-PER"]},
        b"",
        {"tokens": ["a", ""], "tags": ["O", "O"]},
        {"words": []},
        b"[1]",
        {"text": "  ", "label": "neutral"},
    )
    with pytest.raises(CorpusError) as caught:
        read_corpus(path)
    assert [line for line, _ in caught.value.problems] == [2, 3, 4, 6, 7, 8, 9]
    assert f"{path}:3: 2 tokens but 1 tags" in str(caught.value)
    assert "not IOB2" in str(caught.value)


def test_many_damaged_lines_are_counted(tmp_path: Path) -> None:
    """The message stays short however damaged a file is."""
    with pytest.raises(CorpusError) as caught:
        read_corpus(write_lines(tmp_path / "bad.jsonl", *[b"?"] * 500))
    assert len(str(caught.value).splitlines()) == 11
    assert "490 more damaged lines" in str(caught.value)


def test_a_missing_file_is_a_corpus_error(tmp_path: Path) -> None:
    """A wrong path is a user's mistake, not a traceback."""
    with pytest.raises(CorpusError, match="cannot be opened"):
        read_corpus(tmp_path / "none.jsonl")


def test_line_separators_inside_a_text_do_not_split_it(tmp_path: Path) -> None:
    """U+2028 may stand unescaped inside a JSON string."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a\u2028b", "label": "neutral"}\n', encoding="utf-8")
    assert [row.text for row in read_corpus(path)] == ["a\u2028b"]
