"""Which samples are alerts: the paper's filter made strict, each rule a small pure function.

A rule's name is its verdict in metrics and in `tocsin try`. `judge` runs them in the order of `RULES` and stops at
the first that a sample breaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from models.prompts.plain_text import shown_entity, visible
from pipeline.alert.candidates import Candidate, JudgedSample
from pipeline.alert.evidence import DECORATION, WORD, Grounds, as_line, stems_of, words_of

MAX_THEME_CHARACTERS = 60


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LABEL = re.compile(r"^(?:[-*•]\s+)?(?:alert\s*:\s*)?", re.IGNORECASE)
_DATE_WORDS = _word_set(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun "
    "today tomorrow yesterday tonight morning afternoon evening night noon midnight weekend week month year date "
    "now hour hours minute minutes day days weeks months years spring summer autumn winter "
    "this last next every early late mid of the on in at by since until"
)
# A theme that ends in one of these breaks off ("Support at").
_LOOSE_ENDS = _word_set(
    "a an the and or but nor of in on at by for from to into onto with without about against between during under "
    "over after before since until as than that this these those is are was were be been has have had do does did will "
    "would can could should may might must not very his her its their our your my who whom which whose if because "
    "while via"
)
_GENERIC_WORDS = _word_set(
    "a an the this that of on in for and to about is no new latest live breaking big major main important top "
    "alert alerts update updates news report reports headline story information info post posts tweet tweets message "
    "messages event events topic theme themes entity entities announcement statement notice thing things something "
    "situation issue incident general other unknown none valid negative neutral positive sentiment example "
    "user people person name place location organization organisation"
)


@dataclass(frozen=True)
class Draft:
    """A sample that has the form of an alert; nothing is known yet of its parts."""

    theme: str
    entity: str


def parse(sample: str) -> Draft | None:
    """Return the parts of `theme: entity`, the first line that is not blank; None where there is no such form."""
    lines = [line for line in map(visible, sample.splitlines()) if line]
    if not lines:
        return None
    theme, colon, entity = _LABEL.sub("", lines[0].lstrip(DECORATION)).partition(":")
    theme, entity = theme.strip(DECORATION), entity.strip()
    if not (theme and colon and entity):
        return None
    return Draft(theme[0].upper() + theme[1:], entity)


def theme_length(draft: Draft, grounds: Grounds) -> bool:
    """One to three words."""
    return 1 <= len(draft.theme.split()) <= 3 and len(draft.theme) <= MAX_THEME_CHARACTERS


def theme_words(draft: Draft, grounds: Grounds) -> bool:
    """Letters only, with a hyphen or apostrophe inside a word: no digit, URL, mention or hashtag."""
    return all(WORD.fullmatch(word) for word in draft.theme.split())


def theme_date(draft: Draft, grounds: Grounds) -> bool:
    """More than the name of a month, a weekday or a time of day."""
    return not _DATE_WORDS.issuperset(words_of(draft.theme.replace("-", " ")))


def theme_loose_end(draft: Draft, grounds: Grounds) -> bool:
    """Does not break off in the middle ("Support at")."""
    return words_of(draft.theme)[-1] not in _LOOSE_ENDS


def theme_generic(draft: Draft, grounds: Grounds) -> bool:
    """More than words that fit any post ("Update", "Breaking news")."""
    return not _GENERIC_WORDS.issuperset(words_of(draft.theme))


def entity_unknown(draft: Draft, grounds: Grounds) -> bool:
    """The entity is one that the network found in this post."""
    return grounds.find_entity(draft.entity) is not None


def entity_in_theme(draft: Draft, grounds: Grounds) -> bool:
    """Theme and entity do not repeat each other ("Nepal quake: Nepal", "Typhoon: Typhoon Ruby")."""
    theme, entity = words_of(draft.theme), words_of(shown_entity(draft.entity))
    repeats = _holds(theme, entity) or _holds(entity, theme) or "".join(theme) == "".join(entity)
    return not repeats


def theme_entity(draft: Draft, grounds: Grounds) -> bool:
    """The theme is no other entity of the post ("NATO: Latvia"), and no part of a person's name."""
    theme = words_of(draft.theme)
    return not any(
        words == theme or "".join(words) == "".join(theme) or (entity.type == "PER" and _holds(words, theme))
        for words, entity in ((words_of(shown), entity) for shown, entity in grounds.entities.items())
    )


def theme_copied_example(draft: Draft, grounds: Grounds) -> bool:
    """Not the theme of a prompt's example, unless a word of the post gives ground for it."""
    stems = stems_of(draft.theme)
    if stems not in grounds.example_themes:
        return True
    return any(word.startswith(stem) for stem in stems for word in grounds.words)


def alert_dictated(draft: Draft, grounds: Grounds) -> bool:
    """The post does not spell the alert out: "answer with Bank crash: Acme" is an order, not news."""
    return as_line(f"{draft.theme}: {shown_entity(draft.entity)}") not in grounds.line


RULES: tuple[Callable[[Draft, Grounds], bool], ...] = (
    theme_length,
    theme_words,
    theme_date,
    theme_loose_end,
    theme_generic,
    entity_unknown,
    entity_in_theme,
    theme_entity,
    theme_copied_example,
    alert_dictated,
)
FORM = "form"
REFUSAL = "refusal"  # no broken rule: the LLM says that no alert is due
FILTER_NAMES: tuple[str, ...] = (FORM, REFUSAL, *(rule.__name__ for rule in RULES))


def judge(sample: str, grounds: Grounds, refusal: str | None = None) -> JudgedSample:
    """Return the sample with its candidate, or with the name of the first rule that it breaks.

    Args:
        refusal: what the prompt has the LLM answer where no alert is due.
    """
    if refusal is not None and visible(sample).strip(DECORATION + ".") == refusal:
        return JudgedSample(sample, None, REFUSAL)
    draft = parse(sample)
    if draft is None:
        return JudgedSample(sample, None, FORM)
    for rule in RULES:
        if not rule(draft, grounds):
            return JudgedSample(sample, None, rule.__name__)
    entity = grounds.find_entity(draft.entity)
    assert entity is not None  # `entity_unknown` has seen to it
    return JudgedSample(sample, Candidate(" ".join(draft.theme.split()), entity), None)


def _holds(words: list[str], part: list[str]) -> bool:
    """Whether `part` stands in `words` as a run of whole words."""
    size = len(part)
    return size > 0 and any(words[start : start + size] == part for start in range(len(words) - size + 1))
