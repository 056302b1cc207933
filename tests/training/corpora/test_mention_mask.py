from training.corpora.labelled_text import CharSpan, LabelledText
from training.corpora.mention_mask import mask_mentions


def test_names_are_replaced_and_offsets_follow() -> None:
    """The text after a masked name keeps its entities and its token borders."""
    row = LabelledText(
        text="RT @verylongname in Oslo",
        borders=((0, 2), (3, 16), (17, 19), (20, 24)),
        entities=(CharSpan(20, 24, "LOC"),),
    )
    masked = mask_mentions(row)
    assert masked.text == "RT @user in Oslo"
    assert [masked.text[start:end] for start, end in masked.borders] == ["RT", "@user", "in", "Oslo"]
    assert [masked.text[e.start : e.end] for e in masked.entities or ()] == ["Oslo"]


def test_short_names_grow() -> None:
    """If a name is shorter than its replacement, the text after it moves to the right."""
    masked = mask_mentions(LabelledText(text="@x @yz Oslo", entities=(CharSpan(7, 11, "LOC"),)))
    assert masked.text == "@user @user Oslo"
    assert [masked.text[e.start : e.end] for e in masked.entities or ()] == ["Oslo"]


def test_a_tagged_name_stays() -> None:
    """A name that the corpus does tag (or "@ Boston", joined again) is left for the network to learn."""
    row = LabelledText(text="back @Boston", entities=(CharSpan(6, 12, "LOC"),))
    assert mask_mentions(row) == row


def test_texts_without_labels_stay_without() -> None:
    """Masking does not turn "not labelled" into "no entity"."""
    assert mask_mentions(LabelledText(text="@ab")).entities is None
