"""Texts in, annotations out: the only entrance to the network that the pipeline uses."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from models.annotation import STAGES, Annotation, Entity, Sentiment
from models.config import NO_GUIDELINES
from models.errors import AnnotationError, UnknownGuidelinesError
from models.layers.tokens import WordFeatures
from models.network.batch import Featurizer, Layout, pad
from models.network.buckets import bucket_by_length
from models.network.checkpoint import Checkpoint, load_checkpoint
from models.network.joint_model import Output, ScoredSpan
from models.text.hashtags.second_reading import hashtags_as_words, merge
from models.text.parts import Part, cut_into_parts, join_entities
from models.text.reading import ReadText, read_text
from models.text.reading.cut_words import cut_words, is_address
from models.text.reading.lines import line_starts
from models.text.reading.tokens import in_source
from models.text.sentence import Sentence
from models.text.tokenizer import Token, tokenize
from models.text.word_table import WordTable

if TYPE_CHECKING:
    from models.text.parser import DependencyParser

MAX_BUCKET_TOKENS = 8_192
"""How many tokens, padding included, the network reads at once; this bounds the memory that it needs."""


class _Reading(NamedTuple):
    text: str
    tokens: Sequence[Token]  # some of the text's, and perhaps with the words of a hashtag instead of it


class _Found(NamedTuple):
    entities: list[Entity]
    probabilities: list[float]  # of each sentiment


class Annotator:
    """Annotates texts with the network of a checkpoint; threads may share it.

    The annotation of a text does not depend on the other texts of the call.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str | torch.device = "cpu") -> None:
        self.checkpoint = checkpoint
        self._device = torch.device(device)
        self._model = checkpoint.model.to(self._device).eval()
        self._featurizer = Featurizer(checkpoint.config, checkpoint.vocabularies)
        self._word_table = WordTable(self._read_words)
        self._guidelines = checkpoint.config.default_source or NO_GUIDELINES
        self._parser = _load_parser() if checkpoint.config.needs_parse else None

    @classmethod
    def from_checkpoint(cls, path: Path, *, device: str = "auto") -> Self:
        """Load a checkpoint folder; `auto` takes the GPU if there is one.

        Raises:
            CheckpointError: the folder is not a checkpoint that this code can load.
            ParserUnavailableError: the variant reads a parse, and no spaCy model is installed.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(load_checkpoint(path), device=device)

    @property
    def guidelines(self) -> str:
        """The corpus whose annotation guidelines it follows, or `NO_GUIDELINES`."""
        return self._guidelines

    def following(self, guidelines: str) -> Self:
        """Return an annotator that follows other guidelines; this one does not change.

        Both share the weights and the parser. Each remembers its own words.

        Args:
            guidelines: a corpus of `config.sources`, or `NO_GUIDELINES`.

        Raises:
            UnknownGuidelinesError: the network was not trained on the guidelines of this corpus.
        """
        if guidelines not in (*self.checkpoint.config.sources, NO_GUIDELINES):
            raise UnknownGuidelinesError(guidelines, self.checkpoint.config.sources)
        other = copy(self)
        other._guidelines = guidelines
        other._word_table = WordTable(other._read_words)
        return other

    def annotate(
        self, texts: Sequence[str], timings: dict[str, float] | None = None
    ) -> list[Annotation | AnnotationError]:
        """Return one result for each text, in order; the result is an error if the text cannot be annotated.

        The network sees the text as `read_text` reads it. Entities are found in the text as it came: none that is a
        link or holds markup, none that runs on into the next line, and none whose last word an ellipsis cuts off.
        A long text is read in parts (`models.text.parts`). Its sentiment is the most probable one on average over the
        parts, each weighted by its number of tokens.

        If `timings` is given, it receives the seconds spent in each of `STAGES`.
        """
        timings = {} if timings is None else timings
        timings.update(dict.fromkeys(STAGES, 0.0))
        with _timed(timings, "tokenise"):
            reads = [read_text(text) for text in texts]
            tokenised = [tokenize(read.text) for read in reads]
            parts = [cut_into_parts(tokens) for tokens in tokenised]
            # Each part as it is, and once more with its hashtags as words if they are several.
            readings = [
                _Reading(read.text, tokens)
                for read, of_text in zip(reads, parts, strict=True)
                for part in of_text
                for tokens in (part.tokens, hashtags_as_words(part.tokens))
                if tokens is not None
            ]
        found = iter(self._read_all(readings, timings))
        return [
            self._join(read, tokens, [(part, _of_part(part, found)) for part in of_text])
            for read, tokens, of_text in zip(reads, tokenised, parts, strict=True)
        ]

    def _join(self, read: ReadText, tokens: list[Token], found: Sequence[tuple[Part, _Found]]) -> Annotation:
        """Return the annotation of a text, from what was found in its parts; its offsets are those of the source."""
        if not found:
            return Annotation((), (), None)
        weighted = [[part.size / len(tokens) * p for p in of_part.probabilities] for part, of_part in found]
        score, label = max(
            zip(map(sum, zip(*weighted, strict=True)), self.checkpoint.config.sentiment_labels, strict=True)
        )
        entities = _whole(join_entities((part, of_part.entities) for part, of_part in found), tokens)
        return Annotation(
            tuple(in_source(read, tokens)), tuple(_in_source(read, entities)), Sentiment(label, score)
        )

    def _read_all(self, readings: Sequence[_Reading], timings: dict[str, float]) -> list[_Found]:
        found: dict[int, _Found] = {}
        lengths = [len(reading.tokens) for reading in readings]
        for bucket in bucket_by_length(lengths, MAX_BUCKET_TOKENS):
            found.update(zip(bucket, self._read([readings[i] for i in bucket], timings), strict=True))
        return [found[index] for index in range(len(readings))]

    def _read(self, readings: Sequence[_Reading], timings: dict[str, float]) -> list[_Found]:
        with _timed(timings, "parse"):
            sentences = self._parse([tuple(token.text for token in of_text.tokens) for of_text in readings])
        with _timed(timings, "network"), torch.inference_mode():
            output, layout = self._run_network(sentences)
            starts = [line_starts(of_text.text, of_text.tokens) for of_text in readings]
            spans = self._model.decode_entities(output, layout, starts)
            probabilities = output.sentiment_logits.softmax(dim=-1).tolist()
        return [
            _Found([_entity(*reading, span) for span in of_text], of_sentiment)
            for reading, of_text, of_sentiment in zip(readings, spans, probabilities, strict=True)
        ]

    def _run_network(self, sentences: Sequence[Sentence]) -> tuple[Output, Layout]:
        layout = self._featurizer.lay_out(sentences)
        words = [word for sentence in sentences for word in sentence.words]
        rows = {word: row for row, word in enumerate(dict.fromkeys(words), start=1)}
        features = F.pad(self._word_table.look_up(list(rows)), (0, 0, 1, 0))
        row_of_token = pad([rows[word] for word in words], layout.mask)
        layout = layout.to(self._device)
        guidelines = torch.full((len(sentences),), self._featurizer.guidelines_index(self._guidelines))
        tokens = WordFeatures(features, row_of_token.to(self._device))
        return self._model.read(tokens, layout, guidelines.to(self._device)), layout

    def _read_words(self, words: Sequence[str]) -> Tensor:
        batch = self._featurizer.describe(words, self._guidelines).to(self._device)
        features: Tensor = self._model.token_encoder(batch).dense
        return features[0]

    def _parse(self, word_lists: Sequence[tuple[str, ...]]) -> list[Sentence]:
        if self._parser is None:
            return [Sentence(words) for words in word_lists]
        parses = self._parser.parse(word_lists)
        return [
            Sentence(words, tuple(heads), tuple(deprels))
            for words, (heads, deprels) in zip(word_lists, parses, strict=True)
        ]


def _load_parser() -> DependencyParser:
    # Imported here, because the shipped network needs no parser and spaCy takes long to load.
    from models.text.parser import DependencyParser

    return DependencyParser()


def _of_part(part: Part, found: Iterator[_Found]) -> _Found:
    """Return what was found in a part, in the next one or two readings."""
    first = next(found)
    if hashtags_as_words(part.tokens) is None:
        return first
    return first._replace(entities=merge(part.tokens, first.entities, next(found).entities))


def _whole(entities: Sequence[Entity], tokens: Sequence[Token]) -> Sequence[Entity]:
    """Return the entities that hold no word that an ellipsis cuts off, and are no links."""
    ends = [tokens[index].end for index in sorted(cut_words(tokens))] if entities else []
    links = {token.text for token in tokens if is_address(token.text)} if entities else set()
    return [
        e
        for e in entities
        if e.text not in links and bisect_right(ends, e.start) == bisect_right(ends, e.end)
    ]


def _in_source(read: ReadText, entities: Sequence[Entity]) -> Iterator[Entity]:
    """Yield the entities of a text as read at their places in its source, without those that hold markup there."""
    for entity in entities:
        start, end = read.to_source(entity.start, entity.end)
        if not read.holds_markup(start, end):
            yield replace(entity, text=read.source[start:end], start=start, end=end)


def _entity(text: str, tokens: Sequence[Token], scored: ScoredSpan) -> Entity:
    start, end = tokens[scored.span.start].start, tokens[scored.span.end - 1].end
    return Entity(text[start:end], scored.span.type, start, end, scored.score)


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] += time.perf_counter() - started
