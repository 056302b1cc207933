"""Grammars (GBNF) that constrain an answer, and the request field in which each kind of server takes one.

llama.cpp and vLLM take the same grammar language in different fields, and each answers status 200 to the other's field
and ignores it. Therefore the examination proves which field the server obeys, and the caller checks every answer again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dialect:
    """How one kind of server takes a grammar."""

    name: str
    fields: Callable[[str], dict[str, Any]]  # turns a grammar into the request fields that ask for it


FREE = Dialect("free", lambda grammar: {})
LLAMA_CPP = Dialect("llama_cpp", lambda grammar: {"grammar": grammar})
VLLM = Dialect("vllm", lambda grammar: {"structured_outputs": {"grammar": grammar}})
DIALECTS = (LLAMA_CPP, VLLM)  # in the order in which the examination tries them

# A model answers a greeting with this word only if the grammar makes it.
PROBE_WORD = "tocsin"
PROBE_GRAMMAR = f'root ::= "{PROBE_WORD}"'


def number_grammar(num_options: int) -> str:
    """Return the grammar of a whole number from 1 to `num_options`."""
    return "root ::= " + one_of(str(number) for number in range(1, num_options + 1))


def one_of(texts: Iterable[str]) -> str:
    """Return the right-hand side of a rule that matches exactly one of these texts."""
    return " | ".join(f'"{"".join(map(_escape, text))}"' for text in texts)


def _escape(character: str) -> str:
    """Return the character as it stands in a literal: ASCII letters and digits as they are, all others by number."""
    if character.isascii() and character.isalnum():
        return character
    number = ord(character)
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"
