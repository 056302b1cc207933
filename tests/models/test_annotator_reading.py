"""The shipped network on texts whose names are spelled in odd ways: what it finds, and where."""

import pytest
from hypothesis import given, settings

from models import DEFAULT_CHECKPOINT, Annotation, Annotator
from models.text.reading import read_text
from tests.models.text.reading.texts import TEXTS

SHORTENED = (
    '<a href="https://example.org/Jakarta/long/path"><span class="invisible">https://</span>'
    '<span class="ellipsis">example.org/Jakarta</span><span class="invisible">/long/path</span></a>'
)


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    return Annotator.from_checkpoint(DEFAULT_CHECKPOINT, device="cpu")


def found(annotator: Annotator, text: str) -> list[str]:
    """Return the entities in this text, each checked to be the text between its offsets."""
    [annotation] = annotator.annotate([text])
    assert isinstance(annotation, Annotation)
    assert all(entity.text == text[entity.start : entity.end] for entity in annotation.entities)
    return [entity.text for entity in annotation.entities]


@pytest.mark.parametrize(
    ("text", "entities", "read"),
    [
        ("Barnes &amp; Noble data breach exposes customers", ["Barnes &amp; Noble"], ["Barnes & Noble"]),
        ("M&amp;S stops online orders", ["M&amp;S"], ["M&S"]),
        ("M&S stops online orders", ["M&S"], ["M&S"]),
        ("Flooding in New&nbsp;York", ["New&nbsp;York"], ["New\xa0York"]),
        (
            "Explosion at Caf&eacute; Orl&eacute;ans in Montr&eacute;al",
            ["Caf&eacute; Orl&eacute;ans", "Montr&eacute;al"],
            ["Café Orléans", "Montréal"],
        ),
        ("Flooding in Jakar\u200bta leaves thousands homeless", ["Jakar\u200bta"], ["Jakarta"]),
        ("Flooding in New\u200b York", ["New\u200b York"], ["New York"]),
        ("Fire in \u2068Jakarta\u2069 now", ["Jakarta"], ["Jakarta"]),
        ("𝐅𝐥𝐨𝐨𝐝𝐢𝐧𝐠 𝐢𝐧 𝐉𝐚𝐤𝐚𝐫𝐭𝐚", ["𝐉𝐚𝐤𝐚𝐫𝐭𝐚"], ["Jakarta"]),
        ("Ｆｌｏｏｄｉｎｇ ｉｎ Ｊａｋａｒｔａ", ["Ｊａｋａｒｔａ"], ["Jakarta"]),
        ("Explosion in Montre\u0301al", ["Montre\u0301al"], ["Montréal"]),
        ("Explosion in Montr\ufffdal", ["Montr\ufffdal"], ["Montr\ufffdal"]),
        ("Strong quake shakes Osakahttps://t.co/xyz", ["Osaka"], ["Osaka"]),
        ("bit.ly/ab,Osaka shaken by strong quake", ["Osaka"], ["Osaka"]),
        ("Barnes &amp;amp; Noble data breach", ["Barnes &amp;amp; Noble"], ["Barnes & Noble"]),
        ("https://t.co/xyz,Osaka shaken by strong quake", ["Osaka"], ["Osaka"]),
        ("Strong quake hits https://x.org/a,Osaka shaken", ["Osaka"], ["Osaka"]),
    ],
)
def test_names_are_found_however_they_are_spelled(
    annotator: Annotator, text: str, entities: list[str], read: list[str]
) -> None:
    """The network reads the names; the entities are the text as it came."""
    assert found(annotator, text) == entities
    assert [read_text(entity).text for entity in entities] == read


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("<p>Flooding in Boston<br />and in Dallas</p>", ["Boston", "Dallas"]),
        ("<p>Flooding in Boston<br />Roads closed</p>", ["Boston"]),
        ("<ul><li>Boston</li><li>Dallas</li><li>Flooding in Chicago</li></ul>", ["Boston", "Dallas", "Chicago"]),
        ("<p>Flooding in New <b>York</b> and <b>Boston</b></p>", ["Boston"]),
        ('<p>Flood in <a href="https://m.example/tags/Nepal" class="hashtag">#<span>Nepal</span></a></p>', ["Nepal"]),
        (f"<p>Flooding in Boston {SHORTENED}</p>", ["Boston"]),
        ("<p>Flooding in Boston<!-- Dallas --><script>Dallas</script></p>", ["Boston"]),
        ("<unknown> in Boston &lt;b&gt;", ["Boston"]),
    ],
)  # fmt: skip
def test_nothing_of_the_markup_reaches_an_entity(
    annotator: Annotator, text: str, entities: list[str]
) -> None:
    """A name with markup in it is not reported; what lies in tags, comments and links is no name."""
    assert found(annotator, text) == entities


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("Fire in Boston\nRoads closed", ["Boston"]),
        ("Fire in Boston\n\nDallas flooded", ["Boston", "Dallas"]),
        ("Fire in Boston&#10;Roads closed #PrayForNepal", ["Boston", "Nepal"]),
        (
            "The National Weather Service has issued a Flood Warning for New\n"
            "York City and for other counties in the west of the state, as it\n"
            "has rained for two days.",
            ["National Weather Service", "New\nYork City"],
        ),
    ],
)
def test_no_entity_runs_on_into_the_next_line(annotator: Annotator, text: str, entities: list[str]) -> None:
    """Unless lines end where the width of the text ends."""
    assert found(annotator, text) == entities


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("RT @joe_k: Explosion at the plant in Ludwigsh…", []),
        ("Fire in Los Gat…", []),
        ("Train crash near Kharag...", []),
        ("Fire in Los Gat… pic.twitter.com/abc", []),
        ("Train crash near Kharag... http://t.co/ab #news", []),
        ("Fire in Boston, more from Los Gat… https://t.co/abc", ["Boston"]),
        ("Fire in Boston, pray for Boston…", ["Boston", "Boston"]),
        ("Fire in Boston …", ["Boston"]),
    ],
)
def test_half_a_name_is_no_entity(annotator: Annotator, text: str, entities: list[str]) -> None:
    """A word that an ellipsis cuts off at the end of the text may be any name."""
    assert found(annotator, text) == entities


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_an_entity_of_any_text_is_verbatim_and_free_of_markup(annotator: Annotator, text: str) -> None:
    """Whatever the text, its tokens and entities lie in it in order."""
    [annotation] = annotator.annotate([text])
    assert isinstance(annotation, Annotation)
    found(annotator, text)
    assert all(0 <= token.start < token.end <= len(text) for token in annotation.tokens)
    assert [token.start for token in annotation.tokens] == sorted(token.start for token in annotation.tokens)
    read = read_text(text)
    assert not any(read.holds_markup(entity.start, entity.end) for entity in annotation.entities)
