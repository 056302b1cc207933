import ast
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import orjson
import pytest

import training.examples.store as feature_store
from models import DependencyParser
from tests.training.samples import write_corpora
from training.corpora.corpus import Corpus
from training.corpora.labelled_text import LabelledText
from training.errors import CorpusError
from training.examples.example import Example
from training.examples.store import FeatureStore

_REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    tagged, _, _ = write_corpora(tmp_path)
    return Corpus(path=tagged.name)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "cache", tmp_path)


def test_examples_have_words_parses_and_tags(store: FeatureStore, corpus: Corpus) -> None:
    """A loaded example is ready for the network."""
    example = store.load("tagged", corpus)[0]
    assert example.sentence.words == ("Ada", "Lovelace", "lives", "in", "London")
    assert example.sentence.heads is not None
    assert example.sentence.deprels is not None
    assert "nsubj" in example.sentence.deprels
    assert example.tags == ("B-PER", "I-PER", "O", "O", "B-LOC")


def test_a_stored_corpus_is_not_parsed_again(
    store: FeatureStore, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second load reads the cache, in this process and in the next."""
    first = store.load("tagged", corpus)

    def no_parser() -> None:
        raise AssertionError("parsed again")

    monkeypatch.setattr(feature_store, "DependencyParser", no_parser)
    assert FeatureStore(tmp_path / "cache", tmp_path).load("tagged", corpus) == first


def test_a_changed_file_is_never_served_stale(store: FeatureStore, corpus: Corpus, tmp_path: Path) -> None:
    """New bytes under an old name give new examples."""
    assert len(store.load("tagged", corpus)) == 6
    (tmp_path / corpus.path).write_bytes(orjson.dumps({"tokens": ["Oslo"], "tags": ["B-LOC"]}))
    assert [example.tags for example in store.load("tagged", corpus)] == [("B-LOC",)]


def test_another_choice_of_rows_is_another_entry(store: FeatureStore, corpus: Corpus) -> None:
    """The mapping of labels is part of the key."""
    mapped = Corpus(path=corpus.path, mapping={"LOC": "GPE"})
    assert store.path("tagged", corpus) != store.path("tagged", mapped)
    assert "B-GPE" in (store.load("tagged", mapped)[0].tags or ())


def test_another_parser_is_another_entry(
    store: FeatureStore, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parses of an older version are not used."""
    before = store.path("tagged", corpus)
    monkeypatch.setattr(feature_store, "_version", lambda package: "9")
    assert store.path("tagged", corpus) != before


def test_a_changed_file_of_code_is_another_entry(
    store: FeatureStore, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edited, added or renamed file changes the key; files that Python compiles beside it do not."""
    code = tmp_path / "code"
    (code / "deeper").mkdir(parents=True)
    (code / "tokenizer.py").write_text("a = 1\n")
    monkeypatch.setattr(feature_store, "_CODE", (code,))
    keys = [store.path("tagged", corpus)]
    (code / "tokenizer.pyc").write_bytes(b"compiled")
    assert store.path("tagged", corpus) == keys[0]
    (code / "tokenizer.py").write_text("a = 2\n")
    keys.append(store.path("tagged", corpus))
    (code / "deeper" / "spans.py").write_text("")
    keys.append(store.path("tagged", corpus))
    (code / "deeper" / "spans.py").rename(code / "spans.py")
    keys.append(store.path("tagged", corpus))
    (code / "labels.jsonl").write_text("{}\n")
    keys.append(store.path("tagged", corpus))
    assert len(set(keys)) == 5


@pytest.mark.parametrize(
    "name", ["training/corpora/retokenise.py", "training/examples/packed.py", "models/text/tokenizer.py"]
)
def test_the_code_that_makes_examples_is_part_of_the_key(name: str) -> None:
    """The folders for reading, tokenising, parsing and storing are covered by the key."""
    file = Path(__file__).parents[3] / name
    assert file.is_file()
    assert any(folder in file.parents for folder in feature_store._CODE)


def test_another_build_of_a_package_is_the_same_entry(
    store: FeatureStore, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU build in place of PyPI's does not repeat hours of parsing; another release does."""
    paths = []
    for version in ("2.13.0", "2.13.0+cpu", "2.14.0"):
        monkeypatch.setattr("importlib.metadata.version", lambda package, version=version: version)
        paths.append(store.path("tagged", corpus))
    assert paths[0] == paths[1] != paths[2]


def test_a_killed_build_leaves_no_corpus(
    store: FeatureStore, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only complete corpora appear under their name; the next run builds the interrupted one."""

    def killed(folder: Path, examples: list[Example]) -> None:
        (folder / "texts.json").write_bytes(b"{")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(feature_store, "write_examples", killed)
        with pytest.raises(KeyboardInterrupt):
            store.load("tagged", corpus)
    assert not store.path("tagged", corpus).exists()
    assert len(store.load("tagged", corpus)) == 6


def test_progress_is_reported_to_the_end(store: FeatureStore, corpus: Corpus) -> None:
    """The callback gets the number of texts, and learns that all are done."""
    heard: list[tuple[int, int]] = []
    store.load("tagged", corpus, lambda done, total: heard.append((done, total)))
    assert heard == [(0, 6), (6, 6)]


def test_a_missing_corpus_is_a_corpus_error(store: FeatureStore) -> None:
    """The key needs the file, and the user can correct its absence."""
    with pytest.raises(CorpusError, match="cannot be opened"):
        store.load("none", Corpus(path="none.jsonl"))


def test_a_killed_build_continues_after_its_last_part(
    store: FeatureStore, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it was killed in the third of three parts, the next build parses only that part and leaves no other file."""
    monkeypatch.setattr(feature_store, "PARSE_CHUNK", 2)
    parsed: list[int] = []
    parse = feature_store._parse

    def counted(rows: Sequence[LabelledText], parser: DependencyParser) -> Iterator[Example]:
        if len(parsed) == 2:
            parsed.append(0)
            raise KeyboardInterrupt
        parsed.append(len(rows))
        return parse(rows, parser)

    monkeypatch.setattr(feature_store, "_parse", counted)
    with pytest.raises(KeyboardInterrupt):
        store.load("tagged", corpus)
    assert len(store.load("tagged", corpus)) == 6
    assert parsed == [2, 2, 0, 2]
    path = store.path("tagged", corpus)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_all_code_behind_an_example_is_part_of_the_key() -> None:
    """Each of our modules that this code imports is in the key too, unless it decides nothing of an example."""
    files = [
        file for code in feature_store._CODE for file in ([code] if code.is_file() else code.rglob("*.py"))
    ]
    hashed = {_module_of(file) for file in files}
    imported = {name for file in files for name in _own_imports(file)}
    # Errors, the console, how versions become part of the key, and what becomes of examples once they are read.
    others = {"models.errors", "training.errors", "training.console", "rich.console"}
    assert imported - hashed == others | {"models.package_release", "models.network.batch"}


def _module_of(file: Path) -> str:
    return ".".join(file.relative_to(_REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def _own_imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in ("models", "training"):
            source = importlib.import_module(str(node.module))
            for alias in node.names:
                # A name that a package hands on is the code of the module that defines it.
                value = getattr(source, alias.name)
                yield value.__name__ if isinstance(value, ModuleType) else _home_of(value, source)


def _home_of(value: object, source: ModuleType) -> str:
    return str(getattr(value, "__module__", source.__name__))
