"""Texts in, annotations out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Annotation, AnnotationError, Annotator, save_checkpoint
from models.text.parts import MAX_PART_TOKENS
from models.text.reading import read_text
from tests.models.samples import SMALL_VARIANTS, small_model, small_vocabularies

TEXTS = [
    "Fire in Athens on Monday!!!",
    "",
    "so",
    "@NASA iPhone in Athens, it's 1996 and NASA's 5-year-old fire is on",
    " \t\n",
    "😀😀👨‍👩‍👧‍👦",
    "x" * 10_000,
    "Пожар в Афинах 東京 fire حريق नमस्ते",
    "NUL \x00 and \ud800 a lone surrogate",
    "Fire " * 300,
]


@pytest.fixture(scope="module", params=["E", "F"])
def annotator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Annotator:
    config = replace(SMALL_VARIANTS[request.param], entity_types=("LOC", "PER"))
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(
        folder,
        name="small",
        model=small_model(config, seed=3),
        config=config,
        vocabularies=small_vocabularies(),
        metadata={},
    )
    return Annotator.from_checkpoint(folder, device="cpu")


def assert_same(one: Annotation | AnnotationError, other: Annotation | AnnotationError) -> None:
    assert isinstance(one, Annotation)
    assert isinstance(other, Annotation)
    assert one.tokens == other.tokens
    for mine, yours in zip(one.entities, other.entities, strict=True):
        assert replace(mine, score=0.0) == replace(yours, score=0.0)
        assert mine.score == pytest.approx(yours.score, abs=1e-5)
    assert (one.sentiment is None) == (other.sentiment is None)
    if one.sentiment and other.sentiment:
        assert one.sentiment.label == other.sentiment.label
        assert one.sentiment.score == pytest.approx(other.sentiment.score, abs=1e-5)


def test_results_come_in_order_and_do_not_depend_on_neighbours(annotator: Annotator) -> None:
    """Each text is annotated as it would be alone, in the place where it was given."""
    together = annotator.annotate(TEXTS)
    assert any(annotation.entities for annotation in together if isinstance(annotation, Annotation))
    for text, annotation in zip(TEXTS, together, strict=True):
        assert_same(annotation, annotator.annotate([text])[0])


def test_offsets_are_those_of_the_original_text(annotator: Annotator) -> None:
    """An entity is the text between its offsets, begins and ends with a token, and has a probability."""
    for text, annotation in zip(TEXTS, annotator.annotate(TEXTS), strict=True):
        assert isinstance(annotation, Annotation)
        starts, ends = {t.start for t in annotation.tokens}, {t.end for t in annotation.tokens}
        for entity in annotation.entities:
            assert entity.text == text[entity.start : entity.end]
            assert entity.start in starts
            assert entity.end in ends
            assert 0 <= entity.score <= 1
        assert (annotation.sentiment is None) == (not text.strip())


def test_a_long_text_is_read_in_parts(annotator: Annotator) -> None:
    """Entities come from everywhere in it, in order, and none overlaps another; the others are as they are alone."""
    long = "Fire in Athens on Monday. " * (MAX_PART_TOKENS // 4)
    [annotation, other] = annotator.annotate([long, TEXTS[0]])
    assert isinstance(annotation, Annotation)
    assert len(annotation.tokens) > MAX_PART_TOKENS
    assert annotation.sentiment
    assert 1 / 3 <= annotation.sentiment.score <= 1
    assert all(entity.text == long[entity.start : entity.end] for entity in annotation.entities)
    assert all(before.end <= after.start for before, after in pairwise(annotation.entities))
    assert annotation.entities[0].start < len(long) / 10
    assert annotation.entities[-1].start > len(long) * 9 / 10
    assert_same(other, annotator.annotate([TEXTS[0]])[0])


def test_the_sentiment_of_a_long_text_is_that_of_its_parts(annotator: Annotator) -> None:
    """Parts that all say the same say it together."""
    sentence = "Fire in Athens on Monday. "
    [short, long] = annotator.annotate([sentence * (MAX_PART_TOKENS // 6), sentence * MAX_PART_TOKENS])
    assert isinstance(short, Annotation)
    assert isinstance(long, Annotation)
    assert short.sentiment
    assert long.sentiment
    assert short.sentiment.label == long.sentiment.label
    assert long.sentiment.score == pytest.approx(short.sentiment.score, abs=0.02)


@pytest.mark.parametrize("text", ["a" * 65_536, "a " * 8_000, "#aB" * 2_000, "#AbCd " * 1_500, ".!" * 4_000])
def test_no_text_is_too_long(annotator: Annotator, text: str) -> None:
    """Very long words, very many words and hashtags without blanks between them are annotated."""
    [annotation] = annotator.annotate([text])
    assert isinstance(annotation, Annotation)
    assert annotation.sentiment


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=()), max_size=60), max_size=6))
def test_no_text_breaks_it(annotator: Annotator, texts: list[str]) -> None:
    """Any characters give an annotation; its tokens contain all that is read except white space."""
    for text, annotation in zip(texts, annotator.annotate(texts), strict=True):
        assert isinstance(annotation, Annotation)
        assert "".join(read_text(text).text.split()) == "".join(token.text for token in annotation.tokens)
        assert all(entity.text == text[entity.start : entity.end] != "" for entity in annotation.entities)


def test_threads_may_share_it(annotator: Annotator) -> None:
    """Eight threads at once get the annotations that one thread gets."""
    expected = annotator.annotate(TEXTS)
    with ThreadPoolExecutor(8) as threads:
        shifted = list(threads.map(lambda shift: annotator.annotate(TEXTS[shift:] + TEXTS[:shift]), range(8)))
    for shift, results in enumerate(shifted):
        for position, result in enumerate(results):
            assert_same(result, expected[(position + shift) % len(TEXTS)])


def test_stages_are_timed(annotator: Annotator) -> None:
    """The seconds of each stage reach the caller."""
    timings: dict[str, float] = {}
    annotator.annotate(TEXTS, timings)
    assert set(timings) == {"tokenise", "parse", "network"}
    assert timings["network"] > 0


def test_a_call_without_texts_has_no_results(annotator: Annotator) -> None:
    """An empty list gives an empty list."""
    assert annotator.annotate([]) == []


def test_an_annotator_knows_its_checkpoint(annotator: Annotator) -> None:
    """An annotator has the name and the hash of its checkpoint."""
    assert annotator.checkpoint.name == "small"
    assert len(annotator.checkpoint.sha256) == 64
