"""Posts told a little differently: other words, but the labels stay right."""

import random

from models import Sentence
from training.examples.example import Example
from training.examples.variation import Variation, names_by_type

DESK = "desk"


def tagged(text: str, guidelines: str = DESK) -> Example:
    """Return the example of `word/TAG` pairs; a word without a tag is outside."""
    pairs = [
        word.rpartition("/") if "/B-" in word or "/I-" in word else (word, "", "O") for word in text.split()
    ]
    words, tags = tuple(pair[0] for pair in pairs), tuple(pair[2] for pair in pairs)
    return Example(Sentence(words, guidelines=guidelines), tags, None)


def shown(example: Example) -> str:
    """Return what `tagged` reads."""
    pairs = zip(example.sentence.words, example.tags or (), strict=True)
    return " ".join(word if tag == "O" else f"{word}/{tag}" for word, tag in pairs)


class Chance(random.Random):
    """Draws the same number every time: below a half for known names, and above it for coined ones."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def random(self) -> float:
        return self.number


def always(**names: list[tuple[str, ...]]) -> Variation:
    return Variation(names, guidelines=DESK, share=1.0)


def vary(variation: Variation, text: str, chance: float = 0.0) -> str:
    return shown(variation(tagged(text), Chance(chance)))


def test_a_name_changes_places_with_one_of_its_type() -> None:
    """The new name is tagged as the old one was, also if it has more words; the rest stays."""
    variation = always(LOC=[("New", "York")], PER=[("Ada",)])
    assert vary(variation, "fire in Oslo/B-LOC , says Bo/B-PER Li/I-PER") == (
        "fire in New/B-LOC York/I-LOC , says Ada/B-PER"
    )


def test_a_name_may_be_coined() -> None:
    """The beginning of one name and the end of another, of any type; the name's other occurrence becomes the same."""
    variation = always(LOC=[("Oslo",)], ORG=[("Helix",)])
    seen = {
        shown(variation(tagged("Corvex/B-ORG ? yes , Corvex/B-ORG"), random.Random(seed)))
        for seed in range(40)
    }
    names = ("Helix", "Oslo", "Oslix", "Hello", "Hellix")
    assert seen == {f"{name}/B-ORG ? yes , {name}/B-ORG" for name in names}


def test_words_that_tell_a_type_may_stay() -> None:
    """A single word is coined, half of the words of a longer name are, and no small or short word ever."""
    variation = always(LOC=[("Oslo",)])
    assert vary(variation, "Helix/B-LOC", chance=0.6) == "Oslo/B-LOC"
    assert vary(variation, "Helix/B-LOC Road/I-LOC", chance=0.6) == "Helix/B-LOC Road/I-LOC"
    assert vary(variation, "de/B-LOC A9/I-LOC", chance=0.6) == "de/B-LOC A9/I-LOC"


def test_a_hashtag_stays_one_word() -> None:
    """After its sign a name of several words is written together, as people do."""
    assert vary(always(LOC=[("New", "York")]), "pray # Oslo/B-LOC") == "pray # NewYork/B-LOC"


def test_accounts_and_types_without_names_stay() -> None:
    """A user name is replaced by nothing, and nor is a name of a type that has no other names."""
    text = "RT by @ NASA/B-ORG on Xmas/B-MISC"
    assert vary(always(ORG=[("Acme",)]), text) == text


def test_the_mark_of_a_retweet_is_left_out() -> None:
    """The post then begins as if its writer had written it; a text that only says RT stays."""
    assert vary(always(), "RT @ joe : flood in Oslo/B-LOC") == "flood in Oslo/B-LOC"
    assert vary(always(), "RT if you agree") == "RT if you agree"
    assert vary(always(), "RT @ joe :") == "RT @ joe :"


def test_other_texts_come_back_as_they_are() -> None:
    """Neither the texts of other guidelines nor those without tags are varied, and with a share of 0 none is."""
    variation = always(LOC=[("Rome",)])
    other, felt = (
        tagged("in Oslo/B-LOC", "news"),
        Example(Sentence(("ok",), guidelines=DESK), None, "neutral"),
    )
    assert variation(other, random.Random(1)) is other
    assert variation(felt, random.Random(1)) is felt
    never = Variation({"LOC": [("Rome",)]}, guidelines=DESK, share=0.0)
    assert shown(never(tagged("RT @ joe : in Oslo/B-LOC"), random.Random(1))) == "RT @ joe : in Oslo/B-LOC"


def test_names_are_collected_by_type() -> None:
    """Each name once; without accounts, hashtags, small letters, MISC, and names of which the corpora disagree."""
    examples = [
        tagged("New/B-LOC York/I-LOC and Oslo/B-LOC and Oslo/B-LOC"),
        tagged("@ NASA/B-ORG # Rome/B-LOC oslo/B-LOC Xmas/B-MISC Boston/B-ORG", "news"),
        tagged("Boston/B-LOC beats Acme/B-ORG", "news"),
    ]
    assert names_by_type(examples) == {"LOC": [("New", "York"), ("Oslo",)], "ORG": [("Acme",)]}
