"""The answers to a prompt that the writer and its judge learn from: good alerts, judged alerts, the refusal."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.prompts.plain_text import shown_entity
from training.writer.posts import AlertPair, AlertPost, JudgedAlert

NO_ALERT = "NO VALID ALERT"
# Best first: the later alerts of a post are as true, but less to the point.
_WEIGHTS = (1.0, 0.5, 0.35)
_MAX_JUDGED = 4  # a post may have a dozen; each time others are drawn
_FOREIGN_SHARE = 0.3  # share of posts at which the judge also sees an alert of another post


@dataclass(frozen=True, slots=True)
class WriterAnswer:
    """One answer to a prompt.

    Attributes:
        text: the alert, or the refusal.
        weight: of its tokens in the writer's loss; 0 if the writer shall not learn to write it.
        is_true: what the judge shall say of it; None: it is not judged.
        verdict_weight: of the verdict in the judge's loss.
    """

    text: str
    weight: float
    is_true: bool | None = None
    verdict_weight: float = 0.0

    @property
    def is_wrong(self) -> bool:
        """Whether the writer shall find every good answer likelier than this one."""
        return self.is_true is False


REFUSAL = WriterAnswer(NO_ALERT, 1.0)


def good_answers(alerts: Sequence[AlertPair], entities: Sequence[str]) -> tuple[WriterAnswer, ...]:
    """Return the alerts that the listed entities allow, with weights; the refusal if there is no such alert."""
    answers: dict[str, WriterAnswer] = {}
    for pair in alerts:
        text = listed_text(pair, entities)
        if text is not None and len(answers) < len(_WEIGHTS):
            weight = _WEIGHTS[len(answers)]
            answers.setdefault(text, WriterAnswer(text, weight, is_true=True, verdict_weight=1.0))
    return tuple(answers.values()) or (REFUSAL,)


def judged_answers(
    post: AlertPost, entities: Sequence[str], themes: Sequence[str], chance: random.Random
) -> tuple[WriterAnswer, ...]:
    """Return alerts that only the judge learns from, as far as the listed entities allow them.

    Args:
        themes: of alerts of other posts: one of them may be put to an entity of this post, as a false alert.
    """
    drawn = chance.sample(post.judged, min(len(post.judged), _MAX_JUDGED))
    if themes and entities and chance.random() < _FOREIGN_SHARE:
        foreign = AlertPair(chance.choice(themes), chance.choice(entities))
        if foreign.theme.casefold() not in {pair.theme.casefold() for pair in _alerts(post)}:
            drawn.append(JudgedAlert(foreign, is_true=False, weight=0.5))
    good = {text for pair in post.alerts if (text := listed_text(pair, entities))}
    answers: dict[str, WriterAnswer] = {}
    for judged in drawn:
        text = listed_text(judged.pair, entities)
        if text is not None and text not in good:
            answers.setdefault(text, WriterAnswer(text, 0.0, judged.is_true, judged.weight))
    return tuple(answers.values())


def ordered_answers(theme: str, names: Sequence[str], entities: Sequence[str]) -> tuple[WriterAnswer, ...]:
    """Return the alerts that an order in the post asks for: the judge learns that they are false."""
    texts = (listed_text(AlertPair(theme, name), entities) for name in names)
    return tuple(WriterAnswer(text, 0.0, is_true=False, verdict_weight=1.0) for text in texts if text)


def find_listed(entity: str, entities: Sequence[str]) -> str | None:
    """Return the listed form of an entity: the entity itself, or else the closest one that holds it or lies in it."""
    wanted = shown_entity(entity)
    forms = [form for form in map(shown_entity, entities) if form]
    alike = [form for form in forms if form.casefold() == wanted.casefold()]
    if alike:
        return alike[0]
    related = [form for form in forms if _overlaps(form.casefold(), wanted.casefold())]
    return min(related, key=lambda form: abs(len(form) - len(wanted)), default=None)


def listed_text(pair: AlertPair, entities: Sequence[str]) -> str | None:
    """Return the alert as the writer writes it, with the listed form of its entity; None if there is no such form."""
    listed = find_listed(pair.entity, entities)
    return None if listed is None else f"{pair.theme}: {listed}"


def _alerts(post: AlertPost) -> Iterator[AlertPair]:
    yield from post.alerts
    yield from (judged.pair for judged in post.judged)


def _overlaps(one: str, other: str) -> bool:
    # Three letters are needed inside a word, or "us" would lie in "belarus"; two suffice at its start (#sghaze).
    short, long = sorted((one, other), key=len)
    return long.startswith(short) or (len(short) > 2 and short in long)
