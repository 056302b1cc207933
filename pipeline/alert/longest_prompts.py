"""Harmless prompts of the greatest length, sent before any post to find out if the LLM server has room for them."""

from __future__ import annotations

from models.prompts.plain_text import MAX_ENTITY_BYTES, MAX_POST_BYTES, MAX_SHOWN_ENTITIES
from models.prompts.prompt import ChatMessage, load_prompt
from pipeline.alert.generator import SELECTION_PROMPT
from pipeline.alert.selection import MAX_OPTIONS, NONE_OF_THESE

_WORDS = "Say hello. "  # plain English, which takes fewer tokens a byte than other scripts
_THEME = "Large demonstrations expected"  # as long as a theme of three words usually is


def longest_candidate_prompt(ref: str) -> list[ChatMessage]:
    """Return the candidate prompt of this version for the longest post, with the most and the longest entities."""
    return load_prompt(ref).render(
        post=_filled(MAX_POST_BYTES),
        entities="; ".join([_filled(MAX_ENTITY_BYTES)] * MAX_SHOWN_ENTITIES),
        sentiment="negative",
    )


def longest_selection_prompt() -> list[ChatMessage]:
    """Return the selection prompt for the longest post, with the most and the longest options."""
    options = [f"{_THEME}: {_filled(MAX_ENTITY_BYTES)}"] * MAX_OPTIONS + [NONE_OF_THESE]
    return load_prompt(SELECTION_PROMPT).render(
        post=_filled(MAX_POST_BYTES),
        options="\n".join(f"{number}. {option}" for number, option in enumerate(options, 1)),
    )


def _filled(num_bytes: int) -> str:
    return (_WORDS * (num_bytes // len(_WORDS) + 1))[:num_bytes].strip()
