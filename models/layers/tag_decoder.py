"""From tag scores to one path of tags, and to how sure the network is of each entity on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Protocol

from torch import Tensor

from models.text.spans import Span


@dataclass(frozen=True)
class PathConfidence:
    """Log-probabilities along a path, from which the probability of any span of it follows.

    Each is (B, T) and has no meaning on padding.
    """

    begin: Tensor
    """Of the tag at t."""
    go_on: Tensor
    """Of the tag at t given the tag at t - 1."""
    end: Tensor
    """That the entity of the tag at t does not go on at t + 1, given the tag at t."""

    def span_probabilities(self, spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        """Probability that exactly each span, with its type, is an entity; B lists."""
        begin, go_on, end = (part.tolist() for part in (self.begin, self.go_on, self.end))
        return [
            [
                exp(
                    min(0.0, begin[row][s.start] + sum(go_on[row][s.start + 1 : s.end]) + end[row][s.end - 1])
                )
                for s in of_sentence
            ]
            for row, of_sentence in enumerate(spans)
        ]


class TagDecoder(Protocol):
    """What the CRF and the softmax decoder have in common.

    Shapes:
        scores: (B, T, K) tag scores; tags and paths: (B, T); mask: (B, T) true on real tokens.
    """

    def loss(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Negative log-likelihood a real token, a scalar."""

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The best path of each sentence, (B, T)."""

    def confidence(self, scores: Tensor, mask: Tensor, paths: Tensor) -> PathConfidence:
        """How sure the decoder is along `paths`."""
