"""A sentence as a list of words, with its dependency parse if a variant reads one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words in order and, once it is parsed, a head and a relation for each word."""

    words: tuple[str, ...]
    heads: tuple[int, ...] | None = None
    """Index in `words` of each word's head; a root is its own head."""
    deprels: tuple[str, ...] | None = None
    """Name of the relation between each word and its head."""
    guidelines: str | None = None
    """The corpus whose annotation guidelines it follows; None for `ModelConfig.default_source`."""

    def __post_init__(self) -> None:
        for name, field in (("heads", self.heads), ("deprels", self.deprels)):
            if field is not None and len(field) != len(self.words):
                raise ValueError(f"{len(self.words)} words but {len(field)} {name}")
        if self.heads is not None and not all(0 <= head < len(self.words) for head in self.heads):
            raise ValueError(
                f"heads={self.heads!r}: a head is not the index of one of the {len(self.words)} words"
            )
