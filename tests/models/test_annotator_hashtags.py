"""What the shipped network finds in hashtags, which it also reads as their words."""

import pytest

from models import DEFAULT_CHECKPOINT, Annotation, Annotator

_AT_THE_END = "Hundreds dead after the quake, our thoughts are with all #{}"
_AT_THE_START = "#{} Roads are closed and thousands are without power"


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    return Annotator.from_checkpoint(DEFAULT_CHECKPOINT, device="cpu")


def _found(annotator: Annotator, text: str) -> list[str]:
    [annotation] = annotator.annotate([text])
    assert isinstance(annotation, Annotation)
    assert all(text[entity.start : entity.end] == entity.text for entity in annotation.entities)
    return [entity.text for entity in annotation.entities]


@pytest.mark.parametrize("template", [_AT_THE_END, _AT_THE_START])
@pytest.mark.parametrize(
    ("hashtag", "entities"),
    [
        ("PrayForNepal", "Nepal"),
        ("Pray_For_Nepal", "Nepal"),
        ("NepalEarthquake", "Nepal"),
        ("PrayForBoston", "Boston"),
        ("prayforboston", "boston"),
        ("prayforparis", "paris"),
        ("LondonRiots", "London"),
        ("londonriots", "london"),
        ("QLDfloods", "QLD"),
        ("qldfloods", "qld"),
        ("CaliforniaWildfires", "California"),
        ("californiafires", "california"),
        ("TexasFloods", "Texas"),
        ("KeralaFloods", "Kerala"),
        ("keralafloods", "kerala"),
        ("StandWithUkraine", "Ukraine"),
        ("TurkeyEarthquake", "Turkey"),
        ("TurkeySyriaEarthquake", "Turkey Syria"),
        ("MauiFires", "Maui"),
        ("ChileQuake", "Chile"),
        ("ChristchurchShooting", "Christchurch"),
        ("BrusselsAttack", "Brussels"),
        ("HongKongProtests", "HongKong"),
        ("LAXShooting", "LAX"),
        ("FreeKesha", "Kesha"),
        ("StopKony", "Kony"),
        ("canadasoccer", "canada"),
        ("BaltimoreBridge", "BaltimoreBridge"),
        ("NYCMarathon", "NYCMarathon"),
        ("BostonMarathon", "BostonMarathon"),
        ("CyclonePam", "CyclonePam"),
        ("EastPalestine", "EastPalestine"),
        ("CostaRica", "CostaRica"),
        ("NewYork", "NewYork"),
        ("ManchesterUnited", "ManchesterUnited"),
        ("breakingnews", ""),
        ("ThrowbackThursday", ""),
        ("nowplaying", ""),
        ("climatechange", ""),
        ("GoodMorning", ""),
    ],
)
def test_an_entity_may_be_a_part_of_a_hashtag(
    annotator: Annotator, template: str, hashtag: str, entities: str
) -> None:
    """A place, a person or an organisation is found within the hashtag, and a name of several words as a whole."""
    assert _found(annotator, template.format(hashtag)) == entities.split()


def test_a_part_has_its_own_place_in_markup(annotator: Annotator) -> None:
    """Offsets are those of the text as it came, also if markup or references stand before or in the hashtag."""
    text = "<p>Rescuers &amp; aid needed after the quake <a href='https://m.example/x'>#<span>PrayForNepal</span></a></p>"
    assert _found(annotator, text) == ["Nepal"]
