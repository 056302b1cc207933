"""The longest harmless prompts, compared with prompts of real posts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from models.prompts.plain_text import shown_entity, shown_post
from models.prompts.prompt import ChatMessage, load_prompt
from pipeline.alert.candidates import Candidate
from pipeline.alert.evidence import Evidence
from pipeline.alert.longest_prompts import longest_candidate_prompt, longest_selection_prompt
from pipeline.alert.selection import list_options
from tests.pipeline.samples import annotated

_NAMES = [f"{chr(65 + number)}{'very ' * 23}long name" for number in range(12)]
_POST = annotated(" and ".join(_NAMES), _NAMES)


def _num_bytes(chat: Sequence[ChatMessage]) -> int:
    return sum(len(message["content"].encode()) for message in chat)


@pytest.mark.parametrize("ref", ["candidate-v1", "writer-v1"])
def test_no_candidate_prompt_is_longer(ref: str) -> None:
    """The prompt of a post of 1,500 bytes with twelve names of 120 bytes is nearly as long, and not longer."""
    evidence = Evidence.of(_POST)
    assert len(evidence.entities) == 12
    chat = load_prompt(ref).render(
        post=shown_post(_POST.post.text), entities="; ".join(evidence.entities), sentiment="negative"
    )
    assert 0.95 < _num_bytes(chat) / _num_bytes(longest_candidate_prompt(ref)) <= 1


def test_no_selection_prompt_is_longer() -> None:
    """A prompt with eight options, each of three long words and a long name, is nearly as long, and not longer."""
    entities = list(Evidence.of(_POST).entities.values())[:8]
    candidates = [Candidate("Large demonstrations expected", entity) for entity in entities]
    chat = load_prompt("selection-v2").render(
        post=shown_post(_POST.post.text), options=list_options(candidates)
    )
    assert 0.95 < _num_bytes(chat) / _num_bytes(longest_selection_prompt()) <= 1


def test_the_longest_prompt_is_shown_unchanged() -> None:
    """Its post and entities are plain data already, so cleaning them changes nothing."""
    turn = longest_candidate_prompt("candidate-v1")[-1]["content"]
    post, entities = turn.split("<post>")[1].split("</post>\nEntities: ")
    assert shown_post(post) == post
    names = entities.split("\n")[0].split("; ")
    assert [shown_entity(name) for name in names] == names
