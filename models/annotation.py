"""What the network finds in one text; all offsets count the characters of that text."""

from dataclasses import dataclass

from models.text.tokenizer import Token

STAGES = ("tokenise", "parse", "network")
"""The parts of annotating whose time `Annotator.annotate` measures."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity; `text` is the original text from `start` up to, but not including, `end`."""

    text: str
    type: str
    start: int
    end: int
    score: float
    """Probability, from 0 to 1, that an entity of this type has exactly these offsets."""


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The most probable sentiment of the whole text."""

    label: str
    score: float
    """Probability of the label, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Tokens, entities in the order of the text, and sentiment; a text without tokens has none of the three.

    A token has the text that was read (`&` for `&amp;`) at the offsets of what stands for it in the original text.
    """

    tokens: tuple[Token, ...]
    entities: tuple[Entity, ...]
    sentiment: Sentiment | None
