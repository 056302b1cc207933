"""What a network is trained on: a parsed sentence with the labels that its corpus has."""

from dataclasses import dataclass, replace
from typing import Self

from models import Sentence


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence in the pipeline's words; tags are BIO, and either label may be missing."""

    sentence: Sentence
    tags: tuple[str, ...] | None
    sentiment: str | None

    def __post_init__(self) -> None:
        if self.tags is not None and len(self.tags) != len(self.sentence.words):
            raise ValueError(f"{len(self.sentence.words)} words but {len(self.tags)} tags")

    def following(self, guidelines: str) -> Self:
        """Return the same example, annotated by the guidelines of this corpus."""
        return replace(self, sentence=replace(self.sentence, guidelines=guidelines))
