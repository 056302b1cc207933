"""The paper's own figures, to stand beside ours."""

from collections.abc import Mapping
from types import MappingProxyType

TABLE_1: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "B-LOC": (7140, 1837, 1668),
        "B-MISC": (3438, 922, 702),
        "B-ORG": (6321, 1341, 1661),
        "B-PER": (6600, 1842, 1617),
        "I-LOC": (1157, 257, 257),
        "I-MISC": (1155, 346, 216),
        "I-ORG": (3704, 751, 835),
        "I-PER": (4528, 1307, 1156),
    }
)
"""Tags in train, validation, test."""

NUM_SENTENCES = (14987, 3466, 3684)

TABLE_3: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "A": (94.05, 84.28),
        "B": (92.59, 83.31),
        "C": (92.55, 83.50),
        "D": (92.84, 83.06),
        "E": (94.20, 84.55),
    }
)
"""NER F1 (over tokens, O included) and sentiment accuracy (against machine-made labels), in percent."""
