"""Posts that are taken and left out, by language and words."""

import pytest

from pipeline.messages import Post
from pipeline.settings import Settings
from pipeline.sources.live.runner.filters import PostFilter
from pipeline.sources.live.source import Filter


@pytest.mark.parametrize(
    ("lang", "is_taken"),
    [
        ("en", True),
        ("en-GB", True),
        ("EN_us", True),
        ("de", False),
        ("eng", False),
        (None, True),
        ("", True),
        ("und", True),
    ],
)
def test_a_post_is_taken_by_its_language(lang: str | None, is_taken: bool) -> None:
    """A post that names none gets the benefit of the doubt."""
    post_filter = PostFilter(Settings(source_languages="en,fr"))
    assert post_filter.why_not(Post(id="1", text="x", lang=lang)) == (None if is_taken else Filter.LANGUAGES)


@pytest.mark.parametrize(
    ("several", "is_taken"), [(["de", "en"], True), (["de", "pt"], False), (["de", 7], False), ("en", False)]
)
def test_one_of_several_languages_is_enough(several: object, is_taken: bool) -> None:
    """The first is the post's `lang`, and all of them are in its metadata."""
    post = Post(id="1", text="x", lang="de", metadata={"lang": several})
    post_filter = PostFilter(Settings(source_languages="en"))
    assert post_filter.why_not(post) == (None if is_taken else Filter.LANGUAGES)


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("FLOOD in Jakarta", True),
        ("floods in Jakarta", False),
        ("the #flood", True),
        ("afterflood", False),
        ("an earthquake", True),
        ("earthquakes again", True),
        ("a power\n outage", True),
        ("power and outage", False),
        ("Überschwemmung", True),
        ("überschwemmung", True),
        ("a+b (c", True),
        ("aab", False),
        ("", False),
    ],
)
def test_a_post_is_taken_by_its_words(text: str, is_taken: bool) -> None:
    """Whole words in any case, beginnings with a star, phrases over any blanks; signs mean themselves."""
    words = "flood, earthquake*,power outage,Überschwemmung,a+b (c"
    post_filter = PostFilter(Settings(source_words=words))
    assert post_filter.why_not(Post(id="1", text=text)) == (None if is_taken else Filter.WORDS)


def test_what_the_source_filters_is_not_filtered_again() -> None:
    """A network that knows forms of a word gives posts without the word itself."""
    settings = Settings(source_languages="en", source_words="flood")
    post = Post(id="1", text="Überschwemmung", lang="de")
    assert PostFilter(settings).why_not(post) is Filter.LANGUAGES
    assert PostFilter(settings, done={Filter.LANGUAGES}).why_not(post) is Filter.WORDS
    assert PostFilter(settings, done=frozenset(Filter)).why_not(post) is None
    assert PostFilter(Settings()).why_not(post) is None
