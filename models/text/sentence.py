"""A tokenised sentence, with its dependency parse where a variant reads one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words in order and, after parsing, one head and one relation a word."""

    words: tuple[str, ...]
    heads: tuple[int, ...] | None = None
    """Index of each word's head in `words`, from 0; a root is its own head."""
    deprels: tuple[str, ...] | None = None
    """Name of the relation between each word and its head."""
    source: str | None = None
    """Corpus whose annotation guidelines it follows; None: those of `ModelConfig.default_source`."""

    def __post_init__(self) -> None:
        for name, field in (("heads", self.heads), ("deprels", self.deprels)):
            if field is not None and len(field) != len(self.words):
                raise ValueError(f"{len(self.words)} words but {len(field)} {name}")
        if self.heads is not None and not all(0 <= head < len(self.words) for head in self.heads):
            raise ValueError(f"heads={self.heads!r}: a head lies outside the {len(self.words)} words")
