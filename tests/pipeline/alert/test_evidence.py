from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.prompts.plain_text import MAX_SHOWN_ENTITIES, shown_entity
from pipeline.alert.evidence import Evidence
from tests.pipeline.samples import annotated


def test_the_most_certain_entities_are_listed_once_in_the_order_of_the_text() -> None:
    """Of a post full of names, only the most certain are listed, each once, in the order of the text."""
    names = [f"N{chr(97 + index)}" for index in range(20)]
    post = annotated(" ".join(names), [*names, "Nb"])
    assert list(Evidence.of(post).entities) == names[:MAX_SHOWN_ENTITIES]


def test_an_invisible_entity_is_not_listed() -> None:
    """An entity of invisible characters could not be shown to the LLM."""
    assert not Evidence.of(annotated("a \u200b b", ["\u200b"])).entities


@given(st.text(min_size=1))
def test_an_entity_is_known_by_the_form_that_prompts_show(text: str) -> None:
    """An entity that the LLM copies from the list is found again."""
    evidence = Evidence.of(annotated(text, [text]))
    for form, entity in evidence.entities.items():
        assert form == shown_entity(text)
        assert evidence.find_entity(form) is entity


def test_words_and_line_are_those_of_the_text_as_read() -> None:
    """The rules of themes see what the LLM sees."""
    post = annotated("<p>Flo\u200bods at M&amp;S: Caf&eacute;</p>", ["M&amp;S"])
    evidence = Evidence.of(post)
    assert evidence.words == {"floods", "at", "m", "s", "café"}
    assert evidence.line == "floods at m&s:café"
    assert evidence.find_entity("M&S") is evidence.find_entity("m&amp;s") is post.entities[0]
