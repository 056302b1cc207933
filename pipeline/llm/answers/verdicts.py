"""How probable one verdict is against the other: "yes" against "no", read from the token that says one of them.

A verdict stands on the line after an alert, or is a whole answer. Several tokens may spell the same word ("yes",
" Yes"): their probabilities are added. A server gives the probabilities of few alternatives, perhaps of the chosen
token alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from models.prompts.prompt import Verdict
from pipeline.llm.answers.wire import Answer, Token

_MARKS = " \t\r\n.,;:!*'\"`“”"  # around a word


def truth_of(answer: Answer, text: str, verdict: Verdict) -> float | None:
    """Return the probability of "true" in an answer that is a verdict; None if it is none.

    If no token with a probability says one of the words, the word itself counts as 1 or 0.

    Args:
        text: the answer without thinking.
    """
    tokens = (answer.tokens or ()) if text == answer.text.strip() else ()
    return _truth(tokens, text, verdict)


def verdict_after(text: str, tokens: Sequence[Token], verdict: Verdict) -> tuple[str, float | None]:
    """Return the text without the verdict on the line after its first, and the verdict's probability of "true".

    Args:
        text: a sample.
        tokens: its tokens; empty: unknown.

    Returns:
        The text as it is and None if no verdict can be read.
    """
    first, line_break, rest = text.strip().partition("\n")
    if not line_break:
        return text, None
    truth = _truth(tokens[len(alert_tokens(tokens)) :], rest, verdict)
    return (text, None) if truth is None else (first.strip(), truth)


def spoken_tokens(answer: Answer) -> Sequence[Token]:
    """Return the answer's tokens without the one that ends it, which some servers list although the text lacks it.

    So an alert is as likely where the answer ends with it as where a verdict follows.
    """
    tokens = answer.tokens or ()
    spoken = tokens[:-1]
    has_end = bool(spoken) and "".join(token.text for token in spoken).lstrip() == answer.text.lstrip()
    return spoken if has_end else tokens


def alert_tokens(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return the tokens of the first line that is not blank, without the one that ends it."""
    has_begun = False
    for index, token in enumerate(tokens):
        before, line_break, _ = token.text.partition("\n")
        has_begun = has_begun or bool(before.strip())
        if has_begun and line_break:
            return tuple(tokens[:index])
        has_begun = has_begun or bool(token.text.strip())
    return tuple(tokens)


def _truth(tokens: Sequence[Token], text: str, verdict: Verdict) -> float | None:
    said = text.split(maxsplit=1)
    word = _plain(said[0]) if said else ""
    words = _plain(verdict.is_true), _plain(verdict.is_false)
    if word not in words:
        return None
    spoken = next((token for token in tokens if _plain(token.text)), None)
    if spoken is not None and _plain(spoken.text) == word:
        found = _truth_at(spoken, *words)
        if found is not None:
            return found
    return float(word == words[0])


def _truth_at(token: Token, is_true: str, is_false: str) -> float | None:
    """Return the probability of one word against the other at this token; None if both are impossible."""
    known = {**token.alternatives, token.text: token.log_probability}
    true, false = _probability(known, is_true), _probability(known, is_false)
    if true == 0.0 or false == 0.0:
        other = _bound_of_others(known, true + false)
        true, false = (true, other) if false == 0.0 else (other, false)
    return true / (true + false) if true + false > 0 else None


def _probability(known: Mapping[str, float], word: str) -> float:
    return sum(math.exp(min(value, 0.0)) for text, value in known.items() if _plain(text) == word)


def _bound_of_others(known: Mapping[str, float], said: float) -> float:
    """Return the most that a word can have whose probability the server does not give.

    It has no more than is left. Where several tokens are listed, it is not likelier than the least of them.
    """
    left = max(1.0 - said, 0.0)
    return min(left, math.exp(min(*known.values(), 0.0))) if len(known) > 1 else left


def _plain(text: str) -> str:
    return text.strip(_MARKS).casefold()
