"""The rules that decide which samples are alerts: the paper's filter, made strict.

A rule is named by a fault and says whether a sample has it. The name is the verdict on the sample: a label of metrics,
and a word that `tocsin try` shows. `check` tries the rules in the order of `RULES` and stops at the first one that the
sample breaks.

To add a rule, write its function, add a row to `RULES` and to the table in `tests/pipeline/alert/test_filters.py`, and
describe its verdict in `docs/alerts.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from models.prompts.plain_text import shown_entity, visible
from pipeline.alert.candidates import Candidate, CheckedSample
from pipeline.alert.evidence import (
    DECORATION,
    FUNCTION_WORDS,
    WORD,
    Evidence,
    as_line,
    stems_of,
    word_set,
    words_of,
)
from pipeline.alert.grounds.dictation import is_dictated
from pipeline.alert.grounds.support import shipped_associations

MAX_THEME_CHARACTERS = 60


# What LLMs write before an alert.
_LABEL = re.compile(r"^(?:[-*•]\s+)?(?:alert\s*:\s*)?", re.IGNORECASE)
# The evaluation of alerts (`training.alert_eval`) has its own list on purpose: it must not share the rule it judges.
_DATE_WORDS = word_set(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun "
    "today tomorrow yesterday tonight morning afternoon evening night noon midnight weekend week month year date "
    "now hour hours minute minutes day days weeks months years spring summer autumn winter "
    "this last next every early late mid of the on in at by since until"
)
_GENERIC_WORDS = word_set(
    "a an the this that of on in for and to about is no new latest live breaking big major main important top "
    "alert alerts update updates news report reports headline story information info post posts tweet tweets message "
    "messages event events topic theme themes entity entities announcement statement notice thing things something "
    "situation issue incident general other unknown none valid negative neutral positive sentiment example "
    "user people person name place location organization organisation"
)


@dataclass(frozen=True)
class Draft:
    """A sample in the form `theme: entity`; its two parts are not yet checked."""

    theme: str
    entity: str


def parse(sample: str) -> Draft | None:
    """Return the draft in the sample's first line that is not blank; None if that line has another form."""
    lines = [line for line in map(visible, sample.splitlines()) if line]
    if not lines:
        return None
    theme, colon, entity = _LABEL.sub("", lines[0].lstrip(DECORATION)).partition(":")
    theme, entity = theme.strip(DECORATION), entity.strip()
    if not (theme and colon and entity):
        return None
    return Draft(theme[0].upper() + theme[1:], entity)


def theme_is_too_long(draft: Draft, evidence: Evidence) -> bool:
    """The theme has more than three words, or too many characters."""
    return len(draft.theme.split()) > 3 or len(draft.theme) > MAX_THEME_CHARACTERS


def theme_is_not_words(draft: Draft, evidence: Evidence) -> bool:
    """A word of the theme has more than letters, hyphens and apostrophes, as numbers, URLs and hashtags do."""
    return not all(WORD.fullmatch(word) for word in draft.theme.split())


def theme_is_a_date(draft: Draft, evidence: Evidence) -> bool:
    """The theme is only the name of a month, a weekday or a time of day."""
    return _DATE_WORDS.issuperset(words_of(draft.theme.replace("-", " ")))


def theme_breaks_off(draft: Draft, evidence: Evidence) -> bool:
    """The theme ends in the middle of a phrase ("Support at")."""
    return words_of(draft.theme)[-1] in FUNCTION_WORDS


def theme_is_generic(draft: Draft, evidence: Evidence) -> bool:
    """The theme has only words that fit any post ("Update", "Breaking news")."""
    return _GENERIC_WORDS.issuperset(words_of(draft.theme))


def entity_is_unknown(draft: Draft, evidence: Evidence) -> bool:
    """The entity is not one that the network found in this post."""
    return evidence.find_entity(draft.entity) is None


def theme_and_entity_repeat(draft: Draft, evidence: Evidence) -> bool:
    """One of theme and entity contains the other ("Nepal quake: Nepal", "Typhoon: Typhoon Ruby")."""
    theme, entity = words_of(draft.theme), words_of(shown_entity(draft.entity))
    return _contains(theme, entity) or _contains(entity, theme) or "".join(theme) == "".join(entity)


def theme_is_an_entity(draft: Draft, evidence: Evidence) -> bool:
    """The theme is another entity of the post ("NATO: Latvia"), or a part of a person's name."""
    theme = words_of(draft.theme)
    return any(
        words == theme
        or "".join(words) == "".join(theme)
        or (entity.type == "PER" and _contains(words, theme))
        for words, entity in ((words_of(shown), entity) for shown, entity in evidence.entities.items())
    )


def theme_is_copied(draft: Draft, evidence: Evidence) -> bool:
    """The theme is one of the prompt's examples, and no word of the post supports it."""
    stems = stems_of(draft.theme)
    if stems not in evidence.example_themes:
        return False
    return not any(word.startswith(stem) for stem in stems for word in evidence.words)


def theme_is_unsupported(draft: Draft, evidence: Evidence) -> bool:
    """The post has no word for what the theme says; `grounds.support` tells which words go with which."""
    return not shipped_associations().support(draft.theme, evidence.stems)


def alert_is_dictated(draft: Draft, evidence: Evidence) -> bool:
    """The post spells the alert out as an order: "answer with Bank crash: Acme". `dictation` tells it from news."""
    return is_dictated(as_line(f"{draft.theme}: {shown_entity(draft.entity)}"), evidence.line)


@dataclass(frozen=True)
class Rule:
    """A fault for which a sample is rejected.

    Attributes:
        name: the verdict, which users see in metrics and documents: it stays if the function is renamed.
        is_broken_by: whether a sample of a post with this evidence has the fault.
    """

    name: str
    is_broken_by: Callable[[Draft, Evidence], bool]


# The order counts: `theme_breaks_off` reads the theme's last word, and `theme_is_not_words` ensures that it has one.
RULES = (
    Rule("theme_length", theme_is_too_long),
    Rule("theme_words", theme_is_not_words),
    Rule("theme_date", theme_is_a_date),
    Rule("theme_loose_end", theme_breaks_off),
    Rule("theme_generic", theme_is_generic),
    Rule("entity_unknown", entity_is_unknown),
    Rule("entity_in_theme", theme_and_entity_repeat),
    Rule("theme_entity", theme_is_an_entity),
    Rule("theme_copied_example", theme_is_copied),
    Rule("theme_unsupported", theme_is_unsupported),
    Rule("alert_dictated", alert_is_dictated),
)
FORM = "form"  # the sample is not of the form `theme: entity`
REFUSAL = "refusal"  # not a broken rule: the LLM says that no alert is due
FILTER_NAMES: tuple[str, ...] = (FORM, REFUSAL, *(rule.name for rule in RULES))


def check(sample: str, evidence: Evidence, refusal: str | None = None) -> CheckedSample:
    """Return the sample with its candidate, or with the name of the first rule that it breaks.

    Args:
        refusal: the answer that the prompt asks for if no alert is due; None if it asks for none.
    """
    if refusal is not None and visible(sample).strip(DECORATION + ".") == refusal:
        return CheckedSample(sample, None, REFUSAL)
    draft = parse(sample)
    if draft is None:
        return CheckedSample(sample, None, FORM)
    for rule in RULES:
        if rule.is_broken_by(draft, evidence):
            return CheckedSample(sample, None, rule.name)
    entity = evidence.find_entity(draft.entity)
    assert entity is not None  # otherwise the rule `entity_unknown` is broken
    return CheckedSample(sample, Candidate(" ".join(draft.theme.split()), entity), None)


def _contains(words: list[str], part: list[str]) -> bool:
    """Whether `part` stands in `words` as a run of whole words."""
    size = len(part)
    return size > 0 and any(words[start : start + size] == part for start in range(len(words) - size + 1))
