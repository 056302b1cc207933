"""Grammars (GBNF) of alerts: `theme: entity`, or the theme alone."""

from __future__ import annotations

from collections.abc import Iterable

from models.prompts.prompt import Verdict
from pipeline.llm.grammar import one_of

_THEME_RULES = """
theme ::= first (" " word)? (" " word)?
first ::= [A-Z] [a-z]{1,19} | acronym
word ::= [a-z]{2,20} | acronym
acronym ::= [A-Z]{2,5}
"""
THEME_GRAMMAR = "root ::= theme" + _THEME_RULES


def alert_grammar(entities: Iterable[str], refusal: str | None = None, verdict: Verdict | None = None) -> str:
    """Return the grammar of `theme: entity` with a theme of one to three words and one of `entities`.

    Two fixed grammars in two requests would do the same: the entity's number, then the theme.
    `python -m pipeline.offline.constraint_bench` compares the two ways.

    Args:
        refusal: a line of letters and spaces that the LLM may write instead of an alert; None: it must write one.
        verdict: the words of which it writes one on the line after the alert; None: it judges nothing.
    """
    judged = "" if verdict is None else f' "\\n" ("{verdict.is_true}" | "{verdict.is_false}")'
    instead = "" if refusal is None else f' | "{refusal}"'
    return f'root ::= theme ": " entity{judged}{instead}' + _THEME_RULES + "entity ::= " + one_of(entities)
