"""How near a theme is to the acceptable ones in meaning, by a small embedding model from PyPI (wordllama, 256 dimensions)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MODEL = "wordllama l2_supercat_256"
# Fixed before any result was looked at.
THRESHOLD = 0.6

Similarity = Callable[[str, Sequence[str]], float]


def load_similarity() -> Similarity | None:
    """Return the function that gives the cosine to the nearest text; None where the model is not installed."""
    try:
        from wordllama import WordLlama
    except ImportError:
        return None
    model = WordLlama.load(disable_download=True)

    def nearest(theme: str, acceptable: Sequence[str]) -> float:
        return max((float(model.similarity(theme.lower(), other.lower())) for other in acceptable), default=0.0)

    return nearest
