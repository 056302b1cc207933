"""How near a theme is to the acceptable ones in meaning, by a small embedding model from PyPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

MODEL = "wordllama l2_supercat_256"
# Fixed before any result was looked at.
THRESHOLD = 0.6

Similarity = Callable[[str, Sequence[str]], float]


def load_similarity() -> Similarity | None:
    """Return the function that gives the cosine to the nearest text; None where the model is not installed."""
    try:
        import wordllama
    except ImportError:
        return None
    # Its own folder as the cache: 0.4.0 looks for its tokenizer in `tokenizer`, and ships it in `tokenizers`.
    package = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=package, disable_download=True)

    def nearest(theme: str, acceptable: Sequence[str]) -> float:
        return max(
            (float(model.similarity(theme.lower(), other.lower())) for other in acceptable), default=0.0
        )

    return nearest
