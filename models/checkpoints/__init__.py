"""The trained networks that come with the package, a folder each."""

from pathlib import Path

DEFAULT_CHECKPOINT = Path(__file__).parent / "social"
"""The checkpoint that is used unless another one is named."""
