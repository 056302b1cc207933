from models import Vocabularies
from tests.training.samples import parsed
from training.examples.example import Example
from training.examples.vocabulary import vocabulary_sentences


def test_account_names_never_enter_a_vocabulary() -> None:
    """A name after @ is left out however often it occurs; the same word elsewhere is kept."""
    posts = [
        ("@", "jane_doe_77", "hello"),
        ("hello", "@jane_doe_77", "smith"),
        ("@",),
        ("jane@doe.org",),
        ("hi", "@", "smith"),
    ] * 9
    examples = [Example(parsed(words), None, "neutral") for words in posts]
    vocabularies = Vocabularies.build(vocabulary_sentences(examples), [], max_tail_words=0)
    assert not [word for word in vocabularies.words if "jane" in word]
    assert {"hello", "smith", "@", "hi"} <= set(vocabularies.words)
