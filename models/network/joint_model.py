"""The joint network: named entities and sentiment from one sentence.

    words, case, characters ─► TokenEncoder ─► sequence encoder ─► tag head ─► decoder ─► entities
                                    │          (BiLSTM, or GCN + SynLSTM)
                                    └────────► sentiment states ─► pooling ─► sentiment head
                                               (the encoder's, or a BiLSTM of its own; a head of its own for
                                                texts of each of `sentiment_sources`)

The constructor chooses sub-modules by the three flags; `forward` is the same for every variant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.layers.decoders.crf import FORBIDDEN, Crf
from models.layers.decoders.softmax_decoder import SoftmaxDecoder
from models.layers.decoders.tag_decoder import TagDecoder
from models.layers.locked_dropout import LockedDropout
from models.layers.losses import SENTIMENT_LOSSES
from models.layers.pooling import pool
from models.layers.tokens import Tokens
from models.network.batch import Batch, Layout
from models.network.sequence_encoder import PlainEncoder, SeparateStates, SharedStates, SyntacticEncoder
from models.network.token_encoder import TokenEncoder
from models.text.spans import Span, spans_from_tags
from models.text.vocabulary import Vocabularies


@dataclass(frozen=True)
class Output:
    """The result of a forward pass."""

    tag_scores: Tensor
    """(B, T, K), a score for each tag of `config.tags`."""
    sentiment_logits: Tensor
    """(B, S), a logit for each label of `config.sentiment_labels`."""


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A span, and the probability that it is exactly an entity of its type."""

    span: Span
    score: float


class JointModel(nn.Module):
    """Any of the variants A-F.

    Args:
        config: the variant, its sizes and its labels.
        vocabularies: the words, characters and relations that it reads.
        vectors: (V, W) initial word vectors in the order of the vocabulary; a row of zeros means that a word has none.
    """

    def __init__(
        self, config: ModelConfig, vocabularies: Vocabularies, vectors: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.token_encoder = TokenEncoder(config, vocabularies)
        token_size = self.token_encoder.size
        self.encoder: nn.Module = (
            SyntacticEncoder(config, token_size, len(vocabularies.deprels))
            if config.use_syn_lstm
            else PlainEncoder(config, token_size)
        )
        self.sentiment_states = SeparateStates(config) if config.use_separate_lstms else SharedStates(config)
        self.tag_head = nn.Sequential(
            LockedDropout(config.ner_dropout), nn.Linear(2 * config.hidden_size, len(config.tags))
        )
        self.sentiment_head = _sentiment_head(config, self.sentiment_states.size)
        self.sentiment_heads = nn.ModuleDict(
            {name: _sentiment_head(config, self.sentiment_states.size) for name in config.sentiment_sources}
        )
        self.decoder: TagDecoder = (
            Crf(config.tags, config.tag_scheme) if config.use_crf else SoftmaxDecoder(config.tags)
        )
        if vectors is not None:
            self.token_encoder.word.load_vectors(vectors)

    def forward(self, batch: Batch) -> Output:
        return self.read(self.token_encoder(batch), batch, batch.guidelines)

    def read(self, tokens: Tokens, layout: Layout, guidelines: Tensor) -> Output:
        """Return what `forward` does, from the features of each token, and the guidelines as in `Batch`."""
        states = self.encoder(tokens, layout)
        sentence = pool(self.sentiment_states(states, tokens, layout), layout.mask, layout.lengths)
        return Output(tag_scores=self.tag_head(states), sentiment_logits=self._feel(sentence, guidelines))

    def _feel(self, sentence: Tensor, guidelines: Tensor) -> Tensor:
        logits: Tensor = self.sentiment_head(sentence)
        for name, head in self.sentiment_heads.items():
            is_own = guidelines == self.config.source_index(name)
            if is_own.any():
                logits = torch.where(is_own[:, None], head(sentence), logits)
        return logits

    def ner_loss(self, output: Output, batch: Batch, tags: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of a real token; `tags` is (B, T), with any values on padding."""
        return self.decoder.loss(output.tag_scores, tags.masked_fill(~batch.mask, 0), batch.mask)

    def sentiment_loss(self, output: Output, labels: Tensor) -> Tensor:
        """Return the mean loss of a sentence; `labels` is (B,)."""
        return SENTIMENT_LOSSES[self.config.sentiment_loss](output.sentiment_logits, labels)

    def decode(self, output: Output, layout: Layout) -> list[list[int]]:
        """Return the tag indices of the best path of each sentence, without padding."""
        paths = self.decoder.decode(output.tag_scores, layout.mask).tolist()
        return [path[:length] for path, length in zip(paths, layout.lengths.tolist(), strict=True)]

    def decode_entities(
        self, output: Output, layout: Layout, starts: Sequence[Sequence[int]] = ()
    ) -> list[list[ScoredSpan]]:
        """Return the entities on the best path of each sentence, with their probabilities.

        Args:
            starts: for each sentence the words that continue no entity; without them, any word but the first may.
        """
        tag_scores = self._without_continuations(output.tag_scores, starts)
        paths = self.decoder.decode(tag_scores, layout.mask)
        found: list[list[ScoredSpan]] = [[] for _ in range(len(paths))]
        # `O` is tag 0, so a row of zeros has no entity.
        rows = paths.any(dim=1).nonzero().squeeze(1)
        if not len(rows):
            return found
        scores, mask, paths = tag_scores[rows], layout.mask[rows], paths[rows]
        names = self.config.tags
        spans = [
            spans_from_tags([names[tag] for tag in path[:length]], self.config.tag_scheme)
            for path, length in zip(paths.tolist(), layout.lengths[rows.cpu()].tolist(), strict=True)
        ]
        probabilities = self.decoder.confidence(scores, mask, paths).span_probabilities(spans)
        for row, *pair in zip(rows.tolist(), spans, probabilities, strict=True):
            found[row] = [ScoredSpan(*scored) for scored in zip(*pair, strict=True)]
        return found

    def _without_continuations(self, tag_scores: Tensor, starts: Sequence[Sequence[int]]) -> Tensor:
        places = [(row, word) for row, words in enumerate(starts) for word in words]
        if not places:
            return tag_scores
        rows, words = torch.tensor(places, device=tag_scores.device).T
        continuing = torch.tensor(
            [tag[:2] in ("I-", "E-") for tag in self.config.tags], device=tag_scores.device
        )
        limited = tag_scores.clone()
        limited[rows, words] = limited[rows, words].masked_fill(continuing, FORBIDDEN)
        return limited


def _sentiment_head(config: ModelConfig, states_size: int) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(config.sentiment_dropout),
        nn.Linear(3 * states_size, config.hidden_size),
        nn.ReLU(),
        nn.Dropout(config.sentiment_dropout),
        nn.Linear(config.hidden_size, len(config.sentiment_labels)),
    )
