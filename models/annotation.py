"""What the network says of one text, in the text's own character offsets."""

from dataclasses import dataclass

from models.text.tokenizer import Token


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity; `text` is the original text from `start` to before `end`."""

    text: str
    type: str
    start: int
    end: int
    score: float
    """Probability that exactly this stretch has this type, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The most probable sentiment of the whole text."""

    label: str
    score: float
    """Its probability, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Tokens, entities in order, and sentiment; a text without any token has none of them."""

    tokens: tuple[Token, ...]
    entities: tuple[Entity, ...]
    sentiment: Sentiment | None
