"""Post text as plain data: what a prompt may hold of it, so that it can neither hide anything nor act as markup.

Posts and entities are shown as `read_text` reads them: without markup, references resolved.

It is in `models` because the alert writer must be asked in the very words that it was trained on: the pipeline and
the training both take a prompt's fields from this module.

The prompts put post text between tags (`<post>` ... `</post>`) and entities on a line of their own. `as_data` returns
one line without `<` and `>`, in every normal form in which a tokenizer may read it. So the text cannot close the tag,
open another, begin a line, or form a special token of a chat template (`<|im_end|>`, `</s>`, `<think>`, `[INST]`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from models.prompts.passages import passages
from models.text.reading import read_text

MAX_POST_BYTES = 1200  # limit of a post in a prompt: about 300 tokens of English, never more than 1,200
MAX_ENTITY_BYTES = 120
MAX_SHOWN_ENTITIES = 12

# A link ends where the tokenizer ends it. What is no word after it goes with it.
_URL = re.compile(
    r"\bhttps?://t\.co/[a-z\d]++(?:\?[a-z]{1,16}=\w{1,64})?[^\w\s#@]*+"
    r"|\b(?:https?://|www\.)(?:[^\s,]|,(?!(?-i:[A-ZÀ-ÖØ-Þ])))*+,?",
    re.IGNORECASE,
)
_BRACKETED_TOKEN = re.compile(r"\[(/?[A-Z_]+)\]")
# Cc control, Cf format (bidi, zero width, tags), Cs surrogates, Co private use, Cn unassigned.
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Letters, marks and symbols by category, but invisible: grapheme joiner, Hangul and Khmer fillers, Braille blank.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def shown_post(text: str, entities: Iterable[str] = ()) -> str:
    """Return the post as prompts show it: one line, no tag, no URL, at most `MAX_POST_BYTES` of UTF-8.

    Of a longer post it has the opening and the passages around the entities.

    Args:
        text: as it was posted.
        entities: as `shown_entities` gives them.
    """
    read = without_urls(read_text(text).text)
    plain = as_data(read, max_bytes=4 * len(read) + 1)
    if len(plain.encode()) <= MAX_POST_BYTES:
        return plain
    return passages(plain, entities, MAX_POST_BYTES) or _cut(plain, MAX_POST_BYTES)


def shown_entity(entity: str) -> str:
    """Return the entity as prompts list it: one line, no tag, no list separator, no hash or at sign before it.

    Args:
        entity: as the post writes it.
    """
    return as_data(read_text(entity).text, max_bytes=MAX_ENTITY_BYTES).replace(";", ",").strip(" #@")


def shown_entities(entities: Iterable[str]) -> list[str]:
    """Return the entities as prompts list them: the first spelling of each, at most `MAX_SHOWN_ENTITIES`.

    Args:
        entities: as the post writes them, in the order of the text.
    """
    shown: dict[str, str] = {}
    for form in filter(None, map(shown_entity, entities)):
        shown.setdefault(form.casefold(), form)
    return list(shown.values())[:MAX_SHOWN_ENTITIES]


def seen(text: str) -> str:
    """Return what a reader sees of a text as it was posted: as read, and only what is visible."""
    return visible(read_text(text).text)


def visible(text: str) -> str:
    """Return the text without invisible characters, every run of white space one space; "" if nothing is left."""
    return " ".join("".join(map(_visible_character, text)).split())


def as_data(text: str, *, max_bytes: int) -> str:
    """Return the text, which is a text as read, as one line of data for a prompt: at most `max_bytes` of UTF-8.

    A bound on bytes is a bound on tokens: a tokenizer never makes more tokens than there are bytes.
    """
    text = _BRACKETED_TOKEN.sub(r"(\1)", visible(text))
    return _cut("".join(map(_without_angles, text)), max_bytes)


def without_urls(text: str) -> str:
    """Return the text without its URLs, which cost a prompt many tokens and do not help a model."""
    return _URL.sub(" ", text)


@lru_cache(maxsize=4096)
def _visible_character(character: str) -> str:
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
    ellipsis = "…"
    kept = encoded[: max_bytes - len(ellipsis.encode())].decode(errors="ignore")
    # Cut between words, unless that would lose most of the text (a script without spaces).
    space = kept.rfind(" ")
    return (kept[:space] if space > len(kept) // 2 else kept) + ellipsis
