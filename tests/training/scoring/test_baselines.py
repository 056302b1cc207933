from training.scoring.baselines import all_outside, frequent_tags, majority_label, tag_by_word


def test_a_word_gets_its_most_frequent_training_tag() -> None:
    """ "Paris" is a place in two of three sentences; a word never seen is O."""
    trained = [(["Paris", "in"], [tag, "O"]) for tag in ("B-LOC", "B-PER", "B-LOC")]
    assert tag_by_word([["in", "Paris", "Oslo"]], frequent_tags(trained)) == [["O", "B-LOC", "O"]]


def test_the_tags_of_words_are_made_valid() -> None:
    """A word that mostly occurs inside entities begins one if no word of its type precedes it."""
    tag_of = {"York": "I-LOC", "New": "B-LOC", "Ann": "B-PER"}
    sentences = [["York"], ["New", "York"], ["Ann", "York"], ["York", "York"]]
    expected = [["B-LOC"], ["B-LOC", "I-LOC"], ["B-PER", "B-LOC"], ["B-LOC", "I-LOC"]]
    assert tag_by_word(sentences, tag_of) == expected


def test_guesses_that_read_nothing() -> None:
    """One guess is O everywhere, the other one sentiment for all texts."""
    assert all_outside([["B-PER", "I-PER"], ["O"]]) == [["O", "O"], ["O"]]
    assert majority_label(["a", "b", "b"]) == ["b"] * 3
