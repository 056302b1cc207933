"""Mapping a corpus's own entity types to those of the network."""

from collections.abc import Collection, Iterable, Mapping

from training.corpora.labelled_text import CharSpan
from training.errors import LabelError

# "person=PER" maps a type; "product=O" drops its entities.
OUTSIDE = "O"

NAMED_MAPPINGS: Mapping[str, Mapping[str, str]] = {
    # The usual mapping (data README): lossy, since "product" and "creative-work" are only a part of MISC.
    "wnut17": {
        "person": "PER",
        "location": "LOC",
        "corporation": "ORG",
        "group": "ORG",
        "creative-work": "MISC",
        "product": "MISC",
    },
    "wnut16": {
        "person": "PER",
        "musicartist": "PER",
        "geo-loc": "LOC",
        "facility": "LOC",
        "company": "ORG",
        "sportsteam": "ORG",
        "movie": "MISC",
        "tvshow": "MISC",
        "product": "MISC",
        "other": "MISC",
    },
}


def parse_mapping(text: str) -> dict[str, str]:
    """Read a named mapping (`wnut17`) or `person=PER,location=LOC`; raises LabelError."""
    if text in NAMED_MAPPINGS:
        return dict(NAMED_MAPPINGS[text])
    pairs = [pair.partition("=") for pair in text.split(",")]
    wrong = [before for before, equals, after in pairs if not (before and equals and after)]
    if wrong:
        names = ", ".join(NAMED_MAPPINGS)
        raise LabelError(f"label mapping {text!r}: expected `from=to,from=to` or one of {names}")
    return {before.strip(): after.strip() for before, _, after in pairs}


def map_entities(entities: Iterable[CharSpan], mapping: Mapping[str, str]) -> tuple[CharSpan, ...]:
    """Rename the types of entities; types that the mapping does not name stay, those mapped to O go."""
    renamed = (CharSpan(span.start, span.end, mapping.get(span.type, span.type)) for span in entities)
    return tuple(span for span in renamed if span.type != OUTSIDE)


def check_labels(found: Collection[str], known: Collection[str], *, advice: str = "") -> None:
    """Refuse entity types or sentiments that a network does not have, naming all of them.

    Args:
        advice: what to do; "": how to map them by `evaluate --map`.
    """
    unknown = sorted(set(found) - set(known))
    if unknown:
        map_them = f"map them, for example --map {unknown[0]}={sorted(known)[0]} (or =O to leave them out)"
        raise LabelError(
            f"labels {', '.join(unknown)} are not among {', '.join(sorted(known))}: {advice or map_them}"
        )
