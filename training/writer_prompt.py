"""The writer's prompt, as the pipeline renders it: the two packages never import each other, so the prompt file is
shared as data and a test holds both renderings against each other.
"""

from __future__ import annotations

import html
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

PROMPT_FILE = Path(__file__).resolve().parents[1] / "pipeline" / "prompts" / "writer-v1.toml"
NO_ALERT = "NO VALID ALERT"
MAX_ENTITIES = 12
MAX_POST_BYTES = 1200
MAX_ENTITY_BYTES = 120

_PLACE = re.compile(r"\{(\w+)\}")
_URL = re.compile(r"\b(?:https?://|www\.)\S*", re.IGNORECASE)
_BRACKETED_TOKEN = re.compile(r"\[(/?[A-Z_]+)\]")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


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
        "post": _as_data(_URL.sub(" ", post), MAX_POST_BYTES),
        "entities": "; ".join(list(shown.values())[:MAX_ENTITIES]),
        "sentiment": sentiment,
    }


def shown_entity(entity: str) -> str:
    """Return the entity as the prompt lists it, and as the answer shall name it."""
    return _as_data(entity, MAX_ENTITY_BYTES).replace(";", ",").strip(" #@")


@lru_cache(maxsize=1)
def _template() -> tuple[str, str]:
    document = tomllib.loads(PROMPT_FILE.read_text(encoding="utf-8"))
    return document["system"].strip(), document["turn"].strip()


def _as_data(text: str, max_bytes: int) -> str:
    plain = " ".join("".join(map(_visible, html.unescape(text))).split())
    return _cut("".join(map(_without_angles, _BRACKETED_TOKEN.sub(r"(\1)", plain))), max_bytes)


@lru_cache(maxsize=4096)
def _visible(character: str) -> str:
    if character.isspace():
        return " "
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    if is_selector or character in _INVISIBLE or unicodedata.category(character) in _INVISIBLE_CATEGORIES:
        return ""
    return character


@lru_cache(maxsize=4096)
def _without_angles(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character)
    if "<" in decomposed:
        return "‹"
    return "›" if ">" in decomposed else character


def _cut(text: str, max_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    kept = encoded[: max_bytes - len("…".encode())].decode(errors="ignore")
    space = kept.rfind(" ")
    return (kept[:space] if space > len(kept) // 2 else kept) + "…"
