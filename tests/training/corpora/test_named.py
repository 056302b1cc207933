from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

import training.corpora.corpus as corpus_module
from training.corpora.corpus import Corpus, held_out_side, may_hide_entity
from training.corpora.data_folder import find_data_folder
from training.corpora.json_formats import parse_token_line
from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.named import CORPORA, TEST_CORPORA, find_corpus, guidelines_of
from training.errors import CorpusError, RecipeError
from training.writer.run import SAMPLE_VERDICTS

DATA = find_data_folder()


def write(path: Path, *lines: Mapping[str, object]) -> None:
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))


def test_rows_are_chosen_by_their_fields(tmp_path: Path) -> None:
    """`only` keeps and `without` leaves out."""
    lines = [{"tokens": ["a"], "tags": ["O"], "source": s, "damaged": d} for s in "xy" for d in (True, False)]
    write(tmp_path / "a.jsonl", *lines)
    corpus = Corpus(path="a.jsonl", only={"source": ("x",)}, without={"damaged": (True,)})
    assert [row.fields for row in corpus.read(tmp_path)] == [{"source": "x", "damaged": False}]


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    """An alert line of unknown types teaches nothing if its sentiment is not used."""
    line = {
        "id": "t1",
        "text": "@united ok",
        "entities": [{"text": "united", "type": None}],
        "sentiment": "neutral",
    }
    write(tmp_path / "a.jsonl", line)
    assert len(Corpus(path="a.jsonl").read(tmp_path)) == 1
    assert Corpus(path="a.jsonl", labels="entities").read(tmp_path) == []


def test_each_task_has_its_own_labels(tmp_path: Path) -> None:
    """A corpus that has both can give only one of them, and rows labelled elsewhere only their sentiment."""
    line = {"id": "u1", "text": "Oslo", "entities": [], "sentiment": "neutral"}
    write(tmp_path / "a.jsonl", line | {"source": "x"}, line | {"source": "y"})

    def read(**choice: Any) -> list[tuple[object, object]]:
        return [(row.entities, row.sentiment) for row in Corpus(path="a.jsonl", **choice).read(tmp_path)]

    assert read() == [((), "neutral")] * 2
    assert read(labels="entities") == [((), None)] * 2
    assert read(labels="sentiment") == [(None, "neutral")] * 2
    assert read(entities_not_of={"source": ("y",)}) == [((), "neutral"), (None, "neutral")]


def test_handles_of_people_can_be_dropped(tmp_path: Path) -> None:
    """A person's name stays an entity, and so does the handle of an organisation."""
    listed = [
        {"text": "joe_s", "type": "PER"},
        {"text": "Joe", "type": "PER"},
        {"text": "NASA", "type": "ORG"},
    ]
    write(tmp_path / "a.jsonl", {"id": "u1", "text": "@joe_s Joe @NASA", "entities": listed})
    [row] = Corpus(path="a.jsonl", drops_people_handles=True).read(tmp_path)
    assert [row.text[e.start : e.end] for e in row.entities or ()] == ["Joe", "NASA"]


def test_types_are_added_to_entities_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only rows without types get them; a label that does not fit its post is an error that names both."""
    typed = tmp_path / "typed.jsonl"
    write(typed, *({"id": i, "entities": [{"text": "Oslo", "type": "LOC"}]} for i in ("t1", "u1")))
    monkeypatch.setattr(corpus_module, "TYPED_ENTITIES", typed)
    untyped: Mapping[str, object] = {
        "id": "t1",
        "text": "in Oslo",
        "entities": [{"text": "Oslo", "type": None}],
    }
    write(
        tmp_path / "a.jsonl",
        untyped,
        {"id": "u1", "text": "in Oslo", "entities": []},
        {**untyped, "id": "t2"},
    )
    rows = Corpus(path="a.jsonl", adds_types=True).read(tmp_path)
    assert [(row.fields["id"], row.entities) for row in rows] == [
        ("t1", (CharSpan(3, 7, "LOC"),)),
        ("u1", ()),
    ]
    write(tmp_path / "a.jsonl", {**untyped, "text": "in Rome"})
    with pytest.raises(CorpusError, match=r"t1 in typed\.jsonl.*'Oslo'"):
        Corpus(path="a.jsonl", adds_types=True).read(tmp_path)


def test_the_desk_has_one_set_of_guidelines() -> None:
    """What the desk's annotators labelled is learned, and scored, as what is served."""
    assert {guidelines_of(name) for name in CORPORA if name.startswith(("alerts", "hard"))} == {"alerts"}
    assert guidelines_of("tweeteval-dev") == "tweeteval"


def test_a_document_start_is_never_a_sentence(tmp_path: Path) -> None:
    """This holds in columns and in JSON lines, in which other tools leave it."""
    write(
        tmp_path / "a.jsonl",
        {"tokens": ["-DOCSTART-"], "tags": ["O"]},
        {"tokens": ["Oslo"], "tags": ["B-LOC"]},
    )
    assert [row.text for row in Corpus(path="a.jsonl").read(tmp_path)] == ["Oslo"]


def test_held_out_sides_share_nothing() -> None:
    """Each id is on one side, about one in ten on the dev side, always the same."""
    sides = [held_out_side(LabelledText(text="x", fields={"id": f"u{n}"})) for n in range(2000)]
    assert 140 < sides.count("dev") < 260
    assert sides == [held_out_side(LabelledText(text="x", fields={"id": f"u{n}"})) for n in range(2000)]


@pytest.mark.parametrize(
    ("text", "tags", "hides"),
    [
        ("watching Frozen tonight", "O O O", True),
        ("love # Frozen", "O O O", True),
        ("Love this . Great", "O O O O", False),
        ("RT @ Joe : I saw Oslo", "O O O O O O B-LOC", False),
        ("in Oslo", "O B-LOC", False),
    ],
)
def test_texts_that_may_hide_an_untagged_name_are_found(text: str, tags: str, hides: bool) -> None:
    """A capitalised word inside a sentence, or a hashtag, could be what the corpus never tags."""
    assert may_hide_entity(parse_token_line({"tokens": text.split(), "tags": tags.split()})) is hides


def test_a_path_is_a_corpus_as_it_is() -> None:
    """A .jsonl path needs no entry in the table; anything else unknown is refused with the known names."""
    assert find_corpus("conll2003-train") is CORPORA["conll2003-train"]
    assert Path(find_corpus("mine.jsonl").path).is_absolute()
    with pytest.raises(RecipeError, match="conll2003-train"):
        find_corpus("conll2004")


def test_test_splits_cannot_be_trained_on() -> None:
    """Names of test splits are known to evaluate alone."""
    for name in TEST_CORPORA:
        with pytest.raises(RecipeError, match="unknown corpus"):
            find_corpus(name)
        assert find_corpus(name, {**CORPORA, **TEST_CORPORA}).path


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the corpora are not here ({DATA})")
@pytest.mark.parametrize(
    "name", ["conll2003-dev", "twitter2017-dev", "tweebank-dev", "alerts-dev", "hard-dev", "tweeteval-dev"]
)
def test_the_real_corpora_are_read(name: str) -> None:
    """Every dev corpus is read without a damaged line and has only the network's labels."""
    rows = CORPORA[name].read(DATA)
    assert len(rows) > 50
    assert {e.type for row in rows for e in row.entities or ()} <= {"PER", "LOC", "ORG", "MISC"}
    assert {row.sentiment for row in rows if row.sentiment} <= {"negative", "neutral", "positive"}


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the corpora are not here ({DATA})")
def test_the_added_types_fit_the_real_posts() -> None:
    """Each is one of the network's types, on a post of the half that has none, and no held-out post is trained on."""
    lines = [orjson.loads(line) for line in corpus_module.TYPED_ENTITIES.read_bytes().splitlines()]
    assert {entity["type"] for line in lines for entity in line["entities"]} == {"PER", "LOC", "ORG", "MISC"}
    assert all(line.keys() == {"id", "entities"} and line["id"][0] == "t" for line in lines)
    rows = CORPORA["alerts-train"].read(DATA)
    added = [row for row in rows if row.fields["id"] in {line["id"] for line in lines}]
    assert len(added) > 1000
    assert not any(corpus_module.is_held_out(row.fields["id"]) for row in rows)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the corpora are not here ({DATA})")
def test_the_labels_in_the_repository_name_no_private_account() -> None:
    """A person who stands in a post only as a user name is in neither file of labels; one is a public official's."""
    files = (DATA / "alert_train" / "train.jsonl", DATA / "alert_hard" / "train.jsonl")
    posts = {line["id"]: line for file in files for line in map(orjson.loads, file.read_bytes().splitlines())}
    typed = [orjson.loads(line) for line in corpus_module.TYPED_ENTITIES.read_bytes().splitlines()]
    types = {(line["id"], entity["text"]): entity["type"] for line in typed for entity in line["entities"]}
    for post in posts.values():
        types |= {
            (post["id"], entity["text"]): entity["type"] for entity in post["entities"] if entity["type"]
        }
    verdicts = [orjson.loads(line) for line in SAMPLE_VERDICTS.read_bytes().splitlines()]
    named = {(line["id"], entity["text"]) for line in typed for entity in line["entities"]}
    named |= {(line["id"], line["entity"]) for line in verdicts}
    assert len(named) > 3000
    accounts = {
        name
        for post_id, name in named
        if types.get((post_id, name), "PER") == "PER" and _is_only_an_account(posts[post_id]["text"], name)
    }
    assert accounts == {"DrFriedenCDC"}


def _is_only_an_account(text: str, name: str) -> bool:
    return name in text and name not in text.replace(f"@{name}", "")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the corpora are not here ({DATA})")
def test_corpora_beside_wnut17_share_its_people_and_places() -> None:
    """Types of equal meaning have WNUT-17's name; types without a counterpart keep their own."""
    rows = CORPORA["twitter2017six-train"].read(DATA)
    assert {e.type for row in rows for e in row.entities or ()} == {"person", "location", "ORG", "MISC"}
