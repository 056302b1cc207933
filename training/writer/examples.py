"""From a post with good alerts to what the alert writer is trained on: a prompt, and the answers to it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, shown_entities, shown_entity
from models.prompts.prompt import ChatMessage, load_prompt, prompt_fields
from training.writer.answers import REFUSAL, WriterAnswer, good_answers, judged_answers, ordered_answers
from training.writer.injections import draw_order, inject, ordered_theme
from training.writer.posts import AlertPost

PROMPT = "writer-v2"

INJECTED_SHARE = 0.12
ORDER_SHARE = 0.03  # share of posts that are replaced by an order
_CAPITALISED = re.compile(r"[#@]?\b[A-Z]\w+(?: [A-Z]\w+)*")


@dataclass(frozen=True, slots=True)
class NetworkView:
    """What the network finds in a post."""

    entities: tuple[str, ...]
    sentiment: str | None


@dataclass(frozen=True, slots=True)
class WriterExample:
    """A chat, and the answers to it that the writer or its judge learns from."""

    messages: list[ChatMessage]
    answers: tuple[WriterAnswer, ...]


def draw_examples(
    posts: Sequence[AlertPost], views: Mapping[str, NetworkView], chance: random.Random
) -> list[WriterExample]:
    """Return an example for each post that names anything; gaps, extras and injections are drawn anew at each call."""
    themes = [pair.theme for post in posts for pair in post.alerts]
    drawn = (draw_example(post, views.get(post.id), chance, themes) for post in posts)
    return [example for example in drawn if example is not None]


def draw_example(
    post: AlertPost, view: NetworkView | None, chance: random.Random, themes: Sequence[str] = ()
) -> WriterExample | None:
    """Return an example whose entity list is the network's, or the annotator's with gaps or extras.

    None if there is no entity to list: the pipeline abstains from such a post without asking the LLM.

    Args:
        themes: of other posts' alerts, for false ones.
    """
    if chance.random() < ORDER_SHARE:
        order, names = draw_order(chance)
        messages = writer_messages(order, names or order.split()[:1], post.sentiment)
        return WriterExample(messages, (REFUSAL,))
    entities = _draw_entities(post, view, chance) or other_names(post, chance, most=2)
    if not entities:
        return None
    sentiment = post.sentiment
    if view and view.sentiment and chance.random() < 0.5:
        sentiment = view.sentiment
    text, order, names = post.text, "", list[str]()
    if chance.random() < INJECTED_SHARE:
        order, names = draw_order(chance)
        text = inject(text, order, chance)
        entities = [*entities, *(name for name in names if chance.random() < 0.7)]
    entities = in_text_order(entities, text)
    answers = (
        *good_answers(post.alerts, entities),
        *judged_answers(post, entities, themes, chance),
        *ordered_answers(ordered_theme(order, chance), names, entities),
    )
    return WriterExample(writer_messages(text, entities, sentiment), answers)


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
