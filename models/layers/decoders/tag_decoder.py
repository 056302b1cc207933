"""What a decoder does: from tag scores to the best path of tags, and to the probability of each entity on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Protocol

from torch import Tensor

from models.text.spans import Span


@dataclass(frozen=True)
class PathConfidence:
    """Log-probabilities along a path, from which the probability of any span on it follows.

    Each is (B, T) and has no meaning on padding.
    """

    begin: Tensor
    """Log-probability of the tag at t."""
    go_on: Tensor
    """Log-probability of the tag at t, given the tag at t - 1."""
    end: Tensor
    """Log-probability that the entity of the tag at t ends there, given the tag at t."""

    def span_probabilities(self, spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        """Return B lists with the probability that each span, with its type, is exactly an entity."""
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
    """The interface of the CRF and the softmax decoder.

    Shapes:
        scores: (B, T, K) tag scores; tags and paths: (B, T); mask: (B, T) true on real tokens.
    """

    def loss(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of a real token, a scalar."""

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return the best path of each sentence, (B, T)."""

    def confidence(self, scores: Tensor, mask: Tensor, paths: Tensor) -> PathConfidence:
        """Return the log-probabilities along `paths`."""
