import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InvalidMessageError, SettingsError
from pipeline.formats.format import BadPost, Deletion, Reading, ReadPost, Skipped
from pipeline.formats.reader import PostReader
from pipeline.messages import Post
from pipeline.settings import Settings

_GOOD = 'id = "key"\ntext = "body"\n'


def _reader(tmp_path: Path, text: str, **settings: Any) -> PostReader:
    file = tmp_path / "mapping.toml"
    file.write_text(text, encoding="utf-8")
    return PostReader.of(Settings(post_mapping=file, **settings))


def _read(tmp_path: Path, text: str, document: Any) -> list[Reading]:
    return _reader(tmp_path, text).read(json.dumps(document).encode())


def test_a_mapping_makes_posts_of_any_json(tmp_path: Path) -> None:
    """Each field has an expression; what only travels is made to fit as everywhere."""
    mapping = """
        id = "data.key"
        text = "join(' ', data.[title, body])"
        created_at = "data.stamp"
        lang = "data.langs[0]"
        author = "data.by"
        source = "'desk'"
        url = "data.links[?rel=='self'].href | [0]"
        metadata = "{likes: data.stats.likes}"
    """
    data = {
        **{"key": 7, "title": "Fire", "body": "in Athens", "stamp": 1_700_000_000, "langs": ["en"]},
        **{
            "by": {"name": "ana"},
            "links": [{"rel": "self", "href": "https://example.org/7"}],
            "stats": {"likes": 3},
        },
    }
    [read] = _read(tmp_path, mapping, {"data": data})
    assert isinstance(read, ReadPost)
    assert read.post == Post(
        id="7",
        text="Fire in Athens",
        created_at="2023-11-14T22:13:20Z",
        lang="en",
        author="ana",
        source="desk",
        url="https://example.org/7",
        metadata={"author": {"name": "ana"}, "likes": 3},
    )
    assert read.read_as.format == "mapping"
    assert read.read_as.changes == ["id_number", "created_at_epoch", "author_object"]


def test_a_mapping_reads_what_lies_in_envelopes(tmp_path: Path) -> None:
    """A list is a list of posts, and a deleted row withdraws by the expression for the id."""
    row = {"before": None, "after": {"key": "1", "body": "x"}, "op": "c", "source": {}, "ts_ms": 1}
    gone = {**row, "before": {"key": 2}, "after": None, "op": "d"}
    post, deletion = _read(tmp_path, _GOOD, [row, gone])
    assert isinstance(post, ReadPost)
    assert (post.post.id, post.read_as.envelopes) == ("1", ["list", "debezium"])
    assert deletion == Deletion("2")


@pytest.mark.parametrize(
    "document", [{"items": [{"key": 1, "body": "a"}, {"key": 2}, {"key": 3, "body": "c"}]}]
)
def test_the_posts_of_a_document_may_lie_in_a_list(tmp_path: Path, document: Any) -> None:
    """A bad one harms no other, and its dead letter has its own part."""
    first, bad, last = _read(tmp_path, f'{_GOOD}posts = "items[]"', document)
    assert isinstance(first, ReadPost)
    assert isinstance(last, ReadPost)
    assert isinstance(bad, BadPost)
    assert [(r.post.id, r.index) for r in (first, last)] == [("1", 0), ("3", 2)]
    assert (json.loads(bad.value), bad.index) == ({"key": 2}, 1)


def test_posts_may_lie_in_a_list_itself(tmp_path: Path) -> None:
    """With `posts` a list is one document."""
    [read] = _read(
        tmp_path, _GOOD + "posts = \"[?kind=='post']\"", [{"kind": "post", "key": "1", "body": "a"}, {}]
    )
    assert isinstance(read, ReadPost)


@pytest.mark.parametrize(
    ("mapping", "document", "complaint"),
    [
        (_GOOD, {"key": 1}, "not a Post by the mapping: text = 'body' finds nothing; its keys are `key`"),
        (_GOOD, {"body": "x"}, "id = 'key' finds nothing; its keys are `body`"),
        (_GOOD, {"id": "1", "text": "x"}, "id = 'key' finds nothing"),
        (_GOOD, {"key": "", "body": "x"}, "its `id` is empty"),
        (_GOOD, {"key": "1", "body": 5}, "its `text` is a number"),
        (
            'id = "length(a)"\ntext = "b"',
            {"a": 5, "b": "x"},
            r"id = 'length\(a\)' fails: .* invalid type for value: 5",
        ),
        (f'{_GOOD}posts = "items"', {"key": 1}, "posts = 'items' finds nothing; its keys are `key`"),
    ],
)
def test_an_expression_that_finds_nothing_is_named(
    tmp_path: Path, mapping: str, document: Any, complaint: str
) -> None:
    """The dead letter says which expression it was, and what the document has."""
    with pytest.raises(InvalidMessageError, match=complaint):
        _read(tmp_path, mapping, document)


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ('id = "a"', "no `text`: a post needs it"),
        ('id = "a"\ntext = "a."', "text = 'a.': the expression ends too early, after character 2"),
        ('id = "a b"\ntext = "a"', "id = 'a b': at character 3, 'b': Unexpected token: b"),
        ('id = "a"\ntext = "x.#y"', "text = 'x.#y': at character 3, '#y': Unknown token #"),
        ('id = "a"\ntext = "a[\'b"', "text = .*: at character 3, \"'b\": Unclosed ' delimiter"),
        ('id = "a"\ntext = ""', "text = '': is empty"),
        ('id = "a"\ntext = 5', "text = '5': expected a JMESPath expression as a text"),
        ('id = "a"\ntext = "join(a)"', r"text = 'join\(a\)': join\(\) takes 2 arguments, not 1"),
        (
            'id = "a"\ntext = "b[*].lenght(@)"',
            r"text = .*: there is no function lenght\(\); did you mean length\?",
        ),
        (f'{_GOOD}txt = "a"', "txt: no such field of a post; did you mean text?"),
        (f'{_GOOD}zzz = "a"', "zzz: no such field of a post; expected author, created_at, id"),
        ("id = a", "not TOML: .*line 1, column"),
    ],
)
def test_a_mapping_with_a_mistake_is_refused_at_the_start(
    tmp_path: Path, mapping: str, complaint: str
) -> None:
    """The text names the file, the key, the expression and the place."""
    with pytest.raises(SettingsError, match=rf"^TOCSIN_POST_MAPPING='.*mapping.toml': {complaint}"):
        _reader(tmp_path, mapping)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Each is a problem of its own."""
    with pytest.raises(SettingsError) as caught:
        _reader(tmp_path, 'id = "a."\ntxt = "b"\nlang = "#"')
    assert len(caught.value.problems) == 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The system's words say why."""
    with pytest.raises(SettingsError, match=r"missing.toml': cannot be read: No such file"):
        PostReader.of(Settings(post_mapping=tmp_path / "missing.toml"))


def test_a_mapping_and_a_format_contradict_each_other(tmp_path: Path) -> None:
    """One of them would have no effect."""
    with pytest.raises(
        SettingsError, match=r"TOCSIN_POST_FORMAT='tocsin': has no effect with TOCSIN_POST_MAPPING"
    ):
        _reader(tmp_path, _GOOD, post_format="tocsin")


def test_a_post_of_our_own_sources_needs_no_mapping(tmp_path: Path) -> None:
    """Its header says that it was mapped already."""
    [read] = _reader(tmp_path, _GOOD).read(b'{"id": "1", "text": "x"}', [("tocsin-format", b"mapping")])
    assert isinstance(read, ReadPost)
    assert read.read_as.format == "mapping"


def test_an_expression_that_fails_costs_no_post(tmp_path: Path) -> None:
    """Unless it is that of `id` or `text`: a number cannot be joined."""
    mapping = f"""{_GOOD}url = "join('/', ['https://desk.example', key])"\nlang = "l"\n"""
    [read] = _read(tmp_path, mapping, {"key": 7, "body": "Flood", "l": "en"})
    assert isinstance(read, ReadPost)
    assert (read.post.id, read.post.url, read.post.lang) == ("7", None, "en")
    assert read.read_as.changes == ["expression_failed", "id_number"]


@pytest.mark.parametrize("document", [{"items": []}, {"items": [None]}])
def test_a_document_without_posts_is_skipped(tmp_path: Path, document: Any) -> None:
    """It is counted, and not lost without a word. A projection leaves out what is null."""
    assert _read(tmp_path, f'{_GOOD}posts = "items[]"', document) == [Skipped("nothing")]


def test_what_a_document_holds_is_shown_on_one_line(tmp_path: Path) -> None:
    """A terminal shows the reason and must not obey it."""
    with pytest.raises(InvalidMessageError) as caught:
        _read(tmp_path, 'id = "sum(a)"\ntext = "b"', {"a": "\x1b[2J", "b": "x"})
    assert r"\x1b[2J" in str(caught.value)
    assert "\x1b" not in str(caught.value)
