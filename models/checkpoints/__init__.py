"""The trained network that comes with the package."""

from pathlib import Path

DEFAULT_CHECKPOINT = Path(__file__).parent / "social"
"""The checkpoint that is used if no other one is named."""
