from pathlib import Path

import pytest

from training.corpora.corpus import read_corpus
from training.corpora.data_folder import find_data_folder
from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.named import files_in, find_corpus
from training.errors import CorpusError, RecipeError

DATA = find_data_folder() / "conll2003"


def read(path: Path, content: str) -> list[LabelledText]:
    path.write_text(content)
    return read_corpus(path)


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.conll"])
@pytest.mark.parametrize("between", ["\t", " ", " NNP B-NP ", "\tNNP\tB-NP\t"])
def test_the_first_column_is_the_token_and_the_last_the_tag(tmp_path: Path, name: str, between: str) -> None:
    """Files have two columns or four, by tabs or spaces, and any ending."""
    lines = [("Ada", "B-PER"), ("sings", "O"), ("", ""), ("Oslo", "B-LOC")]
    content = "\n".join(f"{token}{between}{tag}" if token else "" for token, tag in lines)
    rows = read(tmp_path / name, content)
    assert [row.text for row in rows] == ["Ada sings", "Oslo"]
    assert [row.entities for row in rows] == [(CharSpan(0, 3, "PER"),), (CharSpan(0, 4, "LOC"),)]


def test_a_document_start_is_not_a_sentence(tmp_path: Path) -> None:
    """It marks the sentence after it, with or without a blank line in between."""
    rows = read(
        tmp_path / "a.txt", "-DOCSTART- O\n\nEU B-ORG\n\nOslo B-LOC\n\n-DOCSTART- -X- O O\nAda B-PER\n"
    )
    assert [(row.text, "doc_start" in row.fields) for row in rows] == [
        ("EU", True),
        ("Oslo", False),
        ("Ada", True),
    ]


def test_the_older_tag_scheme_is_read(tmp_path: Path) -> None:
    """IOB1 writes I- for an entity's first token unless it follows one of its own type."""
    rows = read(tmp_path / "a.txt", "New I-LOC\nYork I-LOC\nOslo B-LOC\nAda I-PER\n")
    assert rows[0].entities == (CharSpan(0, 8, "LOC"), CharSpan(9, 13, "LOC"), CharSpan(14, 17, "PER"))


def test_every_damaged_line_is_reported(tmp_path: Path) -> None:
    """A line without a tag, one that is not UTF-8, and a tag that fits no scheme, each with its number."""
    path = tmp_path / "bad.txt"
    path.write_bytes(b"Ada B-PER\nsings\n\nOslo B-LOC\n\xff O\n\nBob I-PER\n")
    with pytest.raises(CorpusError) as caught:
        read_corpus(path)
    assert [line for line, _ in caught.value.problems] == [2, 5, 7]
    assert f"{path}:2: expected a token and a tag, found 'sings'" in str(caught.value)


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    """The paper's layout, a folder with a file a split; one without any is refused."""
    for name in ("train.txt", "valid.txt", "test.txt", "notes.md"):
        (tmp_path / name).write_text("Ada B-PER\n")
    assert [Path(name).name for name in files_in(tmp_path)] == ["test.txt", "train.txt", "valid.txt"]
    assert find_corpus(str(tmp_path / "train.txt")).read(tmp_path)[0].text == "Ada"
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match="no file"):
        files_in(tmp_path / "empty")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the corpora are not here ({DATA})")
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_both_forms_of_conll_hold_the_same(split: str) -> None:
    """Column file and JSON lines give the same texts, entities and document starts."""
    columns, lines = read_corpus(DATA / f"{split}.tsv"), read_corpus(DATA / f"{split}.jsonl")
    assert [(row.text, row.entities) for row in columns] == [(row.text, row.entities) for row in lines]
    starts = [[bool(row.fields.get("doc_start")) for row in rows] for rows in (columns, lines)]
    assert starts[0] == starts[1]


def test_every_tag_is_reported_on_its_own_line(tmp_path: Path) -> None:
    """Two damaged tags in one sentence have two numbers."""
    path = tmp_path / "bad.txt"
    path.write_text("EU B-ORG\nrejects O\nGerman X-MISC\ncall Y\nto I-MISC\n")
    with pytest.raises(CorpusError) as caught:
        read_corpus(path)
    assert caught.value.problems == (
        (3, "'X-MISC' after 'O' is not IOB2"),
        (4, "'Y' after 'X-MISC' is not IOB2"),
        (5, "'I-MISC' after 'Y' is not IOB2"),
    )


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    """It is removed from a first word, from a -DOCSTART- line (which would become a sentence) and from JSON."""
    path = tmp_path / "a.conll"
    for content in ("-DOCSTART- O\n\nEU B-ORG\n", "EU B-ORG\n"):
        path.write_text(content, encoding="utf-8-sig")
        assert [row.text for row in read_corpus(path)] == ["EU"]
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"tokens": ["EU"], "tags": ["B-ORG"]}', encoding="utf-8-sig")
    assert [row.text for row in read_corpus(lines)] == ["EU"]
