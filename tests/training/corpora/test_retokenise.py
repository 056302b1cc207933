from hypothesis import given
from hypothesis import strategies as st

from models import spans_from_tags
from models.text.reading import read_text
from models.text.reading.tokens import read_tokens
from training.corpora.labelled_text import CharSpan, LabelledText, join_tokens
from training.corpora.retokenise import cover, retokenise

TYPES = ("PER", "LOC")


def test_a_sign_before_an_entity_is_not_part_of_it() -> None:
    """BTC tags "@" with the name, Twitter-2017 the name alone: both give the same tags."""
    with_sign = LabelledText(text="hi @NASA", entities=(CharSpan(3, 8, "ORG"),))
    without = LabelledText(text="hi @NASA", entities=(CharSpan(4, 8, "ORG"),))
    assert retokenise(with_sign) == retokenise(without) == (("hi", "@", "NASA"), ("O", "O", "B-ORG"))


def test_tokens_that_the_tokenizer_splits_stay_one_entity() -> None:
    """A corpus token that the pipeline would cut in two gets B- and I-."""
    text, borders = join_tokens(["Obama's", "dog"])
    labelled = LabelledText(text=text, borders=borders, entities=(CharSpan(0, 7, "PER"),))
    assert retokenise(labelled) == (("Obama", "'s", "dog"), ("B-PER", "I-PER", "O"))


def test_words_are_those_that_the_pipeline_reads() -> None:
    """References are resolved, and an entity covers the words that stand for it."""
    labelled = LabelledText(
        text="at M&amp;S in New&nbsp;York", entities=(CharSpan(3, 10, "ORG"), CharSpan(14, 27, "LOC"))
    )
    assert retokenise(labelled) == (("at", "M&S", "in", "New", "York"), ("O", "B-ORG", "O", "B-LOC", "I-LOC"))


def test_unlabelled_texts_have_no_tags() -> None:
    """A text without labels does not count as one without entities."""
    assert retokenise(LabelledText(text="a b")) == (("a", "b"), None)


def test_two_entities_in_one_token_leave_one() -> None:
    """A token belongs to the first entity that touches it; the second is dropped, not doubled."""
    assert len(cover([CharSpan(0, 2, "PER"), CharSpan(3, 5, "LOC")], [(0, 5)])) == 1


@st.composite
def tagged_texts(draw: st.DrawFn) -> LabelledText:
    """Any tokens, with entities over stretches of them."""
    tokens = draw(
        st.lists(st.text(min_size=1, max_size=8).filter(lambda t: t == "".join(t.split())), max_size=12)
    )
    tokens = [token for token in tokens if token]
    text, borders = join_tokens(tokens)
    entities: list[CharSpan] = []
    position = 0
    while position < len(tokens):
        length = draw(st.integers(0, 3))
        last = min(position + length, len(tokens)) - 1
        if length:
            entities.append(CharSpan(borders[position][0], borders[last][1], draw(st.sampled_from(TYPES))))
        position += max(1, length)
    return LabelledText(text=text, borders=borders, entities=tuple(entities))


@given(tagged_texts())
def test_joined_tokens_lie_between_their_borders(labelled: LabelledText) -> None:
    """Borders are in order, do not overlap, and leave nothing but spaces between them."""
    position = 0
    for start, end in labelled.borders:
        assert labelled.text[position:start].strip() == ""
        assert start < end
        position = end
    assert position == len(labelled.text)


@given(tagged_texts())
def test_retokenising_keeps_words_and_tags_together(labelled: LabelledText) -> None:
    """Every text gets one valid BIO tag a word, the words being the pipeline's own."""
    words, tags = retokenise(labelled)
    assert words == tuple(token.text for token in read_tokens(read_text(labelled.text)))
    assert tags is not None
    assert len(tags) == len(words)
    previous = "O"
    for tag in tags:
        assert not tag.startswith("I-") or previous[2:] == tag[2:]
        previous = tag


@given(tagged_texts())
def test_no_entity_grows_out_of_its_place(labelled: LabelledText) -> None:
    """Each retokenised entity overlaps a corpus entity of its type."""
    tokens = read_tokens(read_text(labelled.text))
    _, tags = retokenise(labelled)
    for span in spans_from_tags(tags or (), "BIO"):
        start, end = tokens[span.start].start, tokens[span.end - 1].end
        overlapping = [e for e in labelled.entities or () if e.start < end and e.end > start]
        assert span.type in {entity.type for entity in overlapping}
