"""Texts in, annotations out: the only entrance to the network that the pipeline uses."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from models.annotation import STAGES, Annotation, Entity, Sentiment
from models.config import NO_GUIDELINES
from models.errors import AnnotationError, TextTooLongError, UnknownGuidelinesError
from models.layers.tokens import WordFeatures
from models.network.batch import Featurizer, Layout, pad
from models.network.buckets import bucket_by_length
from models.network.checkpoint import Checkpoint, load_checkpoint
from models.network.joint_model import Output, ScoredSpan
from models.text.reading import ReadText, read_text
from models.text.reading.cut_word import cut_word
from models.text.reading.tokens import read_tokens
from models.text.sentence import Sentence
from models.text.tokenizer import Token
from models.text.word_table import WordTable

if TYPE_CHECKING:
    from models.text.parser import DependencyParser

MAX_CHARACTERS = 20_000
MAX_TOKENS = 2_000
MAX_BUCKET_TOKENS = 8_192
"""How many tokens, padding included, the network reads at once; this bounds the memory that it needs."""


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

        The network sees the text as `read_text` reads it. Entities are found in the text as it came: none that holds
        markup, and none whose last word an ellipsis cuts off.

        If `timings` is given, it receives the seconds spent in each of `STAGES`.
        """
        timings = {} if timings is None else timings
        timings.update(dict.fromkeys(STAGES, 0.0))
        with _timed(timings, "tokenise"):
            reads = [ReadText(text) if len(text) > MAX_CHARACTERS else read_text(text) for text in texts]
            results = [_tokenise(read) for read in reads]
        wanted = [
            index for index, result in enumerate(results) if isinstance(result, Annotation) and result.tokens
        ]
        lengths = [len(_tokens(results[index])) for index in wanted]
        for bucket in bucket_by_length(lengths, MAX_BUCKET_TOKENS):
            indices = [wanted[position] for position in bucket]
            tokens = [_tokens(results[index]) for index in indices]
            annotated = self._annotate_bucket([reads[index] for index in indices], tokens, timings)
            for index, annotation in zip(indices, annotated, strict=True):
                results[index] = annotation
        return results

    def _annotate_bucket(
        self, reads: Sequence[ReadText], tokens: Sequence[tuple[Token, ...]], timings: dict[str, float]
    ) -> list[Annotation]:
        with _timed(timings, "parse"):
            sentences = self._parse([tuple(token.text for token in of_text) for of_text in tokens])
        with _timed(timings, "network"), torch.inference_mode():
            output, layout = self._run_network(sentences)
            spans = self._model.decode_entities(output, layout)
            scores, labels = output.sentiment_logits.softmax(dim=-1).max(dim=-1)
        names = self.checkpoint.config.sentiment_labels
        sentiments = [
            Sentiment(names[i], score) for i, score in zip(labels.tolist(), scores.tolist(), strict=True)
        ]
        return [
            Annotation(of_text, _entities(read, of_text, found), sentiment)
            for read, of_text, found, sentiment in zip(reads, tokens, spans, sentiments, strict=True)
        ]

    def _run_network(self, sentences: Sequence[Sentence]) -> tuple[Output, Layout]:
        layout = self._featurizer.lay_out(sentences)
        words = [word for sentence in sentences for word in sentence.words]
        rows = {word: row for row, word in enumerate(dict.fromkeys(words), start=1)}
        features = F.pad(self._word_table.look_up(list(rows)), (0, 0, 1, 0))
        row_of_token = pad([rows[word] for word in words], layout.mask)
        layout = layout.to(self._device)
        return self._model.read(WordFeatures(features, row_of_token.to(self._device)), layout), layout

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


def _tokenise(read: ReadText) -> Annotation | AnnotationError:
    """Return an annotation with the tokens only."""
    if len(read.source) > MAX_CHARACTERS:
        return TextTooLongError(limit=MAX_CHARACTERS, actual=len(read.source), unit="characters")
    tokens = read_tokens(read)
    if len(tokens) > MAX_TOKENS:
        return TextTooLongError(limit=MAX_TOKENS, actual=len(tokens), unit="tokens")
    return Annotation(tuple(tokens), (), None)


def _tokens(result: Annotation | AnnotationError) -> tuple[Token, ...]:
    assert isinstance(result, Annotation)
    return result.tokens


def _entities(read: ReadText, tokens: Sequence[Token], found: Sequence[ScoredSpan]) -> tuple[Entity, ...]:
    if not found:
        return ()
    cut = cut_word(tokens)
    entities = (_entity(read.source, tokens, scored) for scored in found if scored.span.end - 1 != cut)
    return tuple(entity for entity in entities if not read.holds_markup(entity.start, entity.end))


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
