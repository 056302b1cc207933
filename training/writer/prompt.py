"""The writer's prompt, as the pipeline renders it: the two packages never import each other, so the prompt file is
shared as data and a test holds both renderings against each other.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, shown_entity, shown_post

PROMPT_FILE = Path(__file__).resolve().parents[2] / "models" / "prompts" / "writer-v1.toml"
NO_ALERT = "NO VALID ALERT"

_PLACE = re.compile(r"\{(\w+)\}")


def writer_messages(post: str, entities: Iterable[str], sentiment: str) -> list[dict[str, str]]:
    """Return the chat that asks for the alert of a post.

    Args:
        entities: as the post writes them, in the order of the text.
    """
    fields = prompt_fields(post, entities, sentiment)
    system, turn = _template()
    content = _PLACE.sub(lambda place: fields[place[1]], turn)
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]


def prompt_fields(post: str, entities: Iterable[str], sentiment: str) -> dict[str, str]:
    """Return what a prompt's places are filled with."""
    shown: dict[str, str] = {}
    for form in map(shown_entity, entities):
        if form:
            shown.setdefault(form.casefold(), form)
    return {
        "post": shown_post(post),
        "entities": "; ".join(list(shown.values())[:MAX_SHOWN_ENTITIES]),
        "sentiment": sentiment,
    }


@cache
def _template() -> tuple[str, str]:
    document = tomllib.loads(PROMPT_FILE.read_text(encoding="utf-8"))
    return document["system"].strip(), document["turn"].strip()
