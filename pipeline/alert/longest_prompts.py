"""Harmless prompts as long as real ones get: whether a server has room for them is asked before any post."""

from __future__ import annotations

from models.prompts.plain_text import MAX_ENTITY_BYTES, MAX_POST_BYTES, MAX_SHOWN_ENTITIES
from models.prompts.prompt import ChatMessage, load_prompt
from pipeline.alert.generator import SELECTION_PROMPT
from pipeline.alert.selection import MAX_OPTIONS, NONE_OF_THESE

_WORDS = "Say hello. "  # plain words of English: other scripts take more tokens for as many bytes
_THEME = "Large demonstrations expected"  # three words, as long as themes get


def longest_candidate_prompt(ref: str) -> list[ChatMessage]:
    """Return the prompt of that version about the longest post, with the most and longest entities."""
    return load_prompt(ref).render(
        post=_filled(MAX_POST_BYTES),
        entities="; ".join([_filled(MAX_ENTITY_BYTES)] * MAX_SHOWN_ENTITIES),
        sentiment="negative",
    )


def longest_selection_prompt() -> list[ChatMessage]:
    """Return the selection prompt about the longest post, with the most and longest options."""
    options = [f"{_THEME}: {_filled(MAX_ENTITY_BYTES)}"] * MAX_OPTIONS + [NONE_OF_THESE]
    return load_prompt(SELECTION_PROMPT).render(
        post=_filled(MAX_POST_BYTES),
        options="\n".join(f"{number}. {option}" for number, option in enumerate(options, 1)),
    )


def _filled(num_bytes: int) -> str:
    return (_WORDS * (num_bytes // len(_WORDS) + 1))[:num_bytes].strip()
