"""Constrained output: grammars (GBNF), and how each kind of server is told to obey one.

llama.cpp and vLLM take the same grammar language under different names, and each ignores the other's field with
status 200; so the client proves at connect time which one is obeyed, and every answer is judged again here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dialect:
    """How one kind of server takes a grammar."""

    name: str
    fields: Callable[[str], dict[str, Any]]  # request fields that ask for the grammar


FREE = Dialect("free", lambda grammar: {})
LLAMA_CPP = Dialect("llama_cpp", lambda grammar: {"grammar": grammar})
VLLM = Dialect("vllm", lambda grammar: {"structured_outputs": {"grammar": grammar}})

# Nobody answers this word to a greeting unless made to.
PROBE_WORD = "tocsin"
PROBE_GRAMMAR = f'root ::= "{PROBE_WORD}"'

_THEME_RULES = """
theme ::= first (" " word)? (" " word)?
first ::= [A-Z] [a-z]{1,19} | acronym
word ::= [a-z]{2,20} | acronym
acronym ::= [A-Z]{2,5}
"""
THEME_GRAMMAR = "root ::= theme" + _THEME_RULES


def alert_grammar(entities: Iterable[str], refusal: str | None = None) -> str:
    """Return the grammar of `theme: entity` with one to three words before the colon and one of `entities` after it.

    With a `refusal` (letters and blanks), that line may be written instead. The other way is in two steps under fixed
    grammars, first the entity's number, then the theme; `python -m pipeline.offline.constraint_bench` compares them.
    """
    instead = "" if refusal is None else f' | "{refusal}"'
    return f'root ::= theme ": " entity{instead}' + _THEME_RULES + "entity ::= " + _any_of(entities)


def number_grammar(num_options: int) -> str:
    """Return the grammar of a whole number from 1 to `num_options`."""
    return "root ::= " + _any_of(str(number) for number in range(1, num_options + 1))


def _any_of(texts: Iterable[str]) -> str:
    return " | ".join(f'"{"".join(map(_escape, text))}"' for text in texts)


def _escape(character: str) -> str:
    """Return the character for a literal of a grammar: letters and digits of ASCII as they are, all else by number."""
    if character.isascii() and character.isalnum():
        return character
    number = ord(character)
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"
