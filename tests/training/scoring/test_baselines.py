from training.scoring.baselines import all_outside, frequent_tags, majority_label, tag_by_word


def test_a_word_gets_its_most_frequent_training_tag() -> None:
    """Two of three times Paris is a place; a word never seen is O."""
    trained = [(["Paris", "in"], [tag, "O"]) for tag in ("B-LOC", "B-PER", "B-LOC")]
    assert tag_by_word([["in", "Paris", "Oslo"]], frequent_tags(trained)) == [["O", "B-LOC", "O"]]


def test_the_tags_of_words_are_made_valid() -> None:
    """A word that mostly stands inside entities begins one if nothing of its type precedes it."""
    tag_of = {"York": "I-LOC", "New": "B-LOC", "Ann": "B-PER"}
    sentences = [["York"], ["New", "York"], ["Ann", "York"], ["York", "York"]]
    expected = [["B-LOC"], ["B-LOC", "I-LOC"], ["B-PER", "B-LOC"], ["B-LOC", "I-LOC"]]
    assert tag_by_word(sentences, tag_of) == expected


def test_guesses_that_read_nothing() -> None:
    """O everywhere, and one sentiment for all."""
    assert all_outside([["B-PER", "I-PER"], ["O"]]) == [["O", "O"], ["O"]]
    assert majority_label(["a", "b", "b"]) == ["b"] * 3
