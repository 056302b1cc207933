"""From a post with good alerts to what the alert writer is trained on: a prompt, and the answers to it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, shown_entities, shown_entity
from models.prompts.prompt import ChatMessage, load_prompt, prompt_fields
from training.writer.injections import draw_order, inject
from training.writer.posts import AlertPair, AlertPost

PROMPT = "writer-v1"
NO_ALERT = "NO VALID ALERT"

INJECTED_SHARE = 0.12
ORDER_SHARE = 0.03  # share of posts that are replaced by an order
# Best first: the later alerts of a post are as true, but less to the point.
_WEIGHTS = (1.0, 0.5, 0.35)
_CAPITALISED = re.compile(r"[#@]?\b[A-Z]\w+(?: [A-Z]\w+)*")


@dataclass(frozen=True, slots=True)
class NetworkView:
    """What the network finds in a post."""

    entities: tuple[str, ...]
    sentiment: str | None


@dataclass(frozen=True, slots=True)
class WriterExample:
    """A chat, and the good answers to it, each with its weight in the loss."""

    messages: list[ChatMessage]
    answers: tuple[tuple[str, float], ...]


def draw_examples(
    posts: Sequence[AlertPost], views: Mapping[str, NetworkView], chance: random.Random
) -> list[WriterExample]:
    """Return an example for each post that names anything; gaps, extras and injections are drawn anew at each call."""
    drawn = (draw_example(post, views.get(post.id), chance) for post in posts)
    return [example for example in drawn if example is not None]


def draw_example(post: AlertPost, view: NetworkView | None, chance: random.Random) -> WriterExample | None:
    """Return an example whose entity list is the network's, or the annotator's with gaps or extras.

    None if there is no entity to list: the pipeline abstains from such a post without asking the LLM.
    """
    if chance.random() < ORDER_SHARE:
        order, names = draw_order(chance)
        messages = writer_messages(order, names or order.split()[:1], post.sentiment)
        return WriterExample(messages, ((NO_ALERT, 1.0),))
    entities = _draw_entities(post, view, chance) or other_names(post, chance, most=2)
    if not entities:
        return None
    sentiment = post.sentiment
    if view and view.sentiment and chance.random() < 0.5:
        sentiment = view.sentiment
    text = post.text
    if chance.random() < INJECTED_SHARE:
        order, names = draw_order(chance)
        text = inject(text, order, chance)
        entities = [*entities, *(name for name in names if chance.random() < 0.7)]
    entities = in_text_order(entities, text)
    return WriterExample(writer_messages(text, entities, sentiment), answers_for(post.alerts, entities))


def writer_messages(post: str, entities: Sequence[str], sentiment: str) -> list[ChatMessage]:
    """Return the chat in which the pipeline asks for the alert of a post.

    Args:
        entities: as the post writes them, in the order of the text.
    """
    return load_prompt(PROMPT).render(**prompt_fields(post, shown_entities(entities), sentiment))


def _draw_entities(post: AlertPost, view: NetworkView | None, chance: random.Random) -> list[str]:
    kind = chance.random()
    if view is not None and kind < 0.5:
        return list(view.entities)
    if kind < 0.6:
        return [entity for entity in post.entities if chance.random() < 0.7]
    if kind < 0.85:
        return [*post.entities, *other_names(post, chance, most=3)]
    return list(post.entities)


def other_names(post: AlertPost, chance: random.Random, *, most: int) -> list[str]:
    """Return up to `most` stretches of the post that look like names and are not among its entities."""
    taken = {shown_entity(entity).casefold() for entity in post.entities}
    found = [match[0] for match in _CAPITALISED.finditer(post.text)]
    fresh = [name for name in dict.fromkeys(found) if shown_entity(name).casefold() not in taken]
    chance.shuffle(fresh)
    return fresh[:most]


def in_text_order(entities: Sequence[str], text: str) -> list[str]:
    """Return the distinct entities in the order in which the text first names them, as the pipeline lists them."""
    return sorted(dict.fromkeys(entities), key=text.find)[:MAX_SHOWN_ENTITIES]


def answers_for(alerts: Sequence[AlertPair], entities: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the alerts that the listed entities allow, with weights; the abstention if there is no such alert."""
    answers: dict[str, float] = {}
    for pair in alerts:
        listed = find_listed(pair.entity, entities)
        if listed is not None and len(answers) < len(_WEIGHTS):
            answers.setdefault(f"{pair.theme}: {listed}", _WEIGHTS[len(answers)])
    return tuple(answers.items()) or ((NO_ALERT, 1.0),)


def find_listed(entity: str, entities: Sequence[str]) -> str | None:
    """Return the listed form of an entity: the entity itself, or else the closest one that holds it or lies in it."""
    wanted = shown_entity(entity)
    forms = [form for form in map(shown_entity, entities) if form]
    alike = [form for form in forms if form.casefold() == wanted.casefold()]
    if alike:
        return alike[0]
    related = [form for form in forms if _overlaps(form.casefold(), wanted.casefold())]
    return min(related, key=lambda form: abs(len(form) - len(wanted)), default=None)


def _overlaps(one: str, other: str) -> bool:
    # Three letters are needed inside a word, or "us" would lie in "belarus"; two suffice at its start (#sghaze).
    short, long = sorted((one, other), key=len)
    return long.startswith(short) or (len(short) > 2 and short in long)
