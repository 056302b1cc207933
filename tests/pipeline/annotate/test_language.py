"""Which language a post is of, and which posts the network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from models import Annotation, AnnotationError, Annotator
from pipeline.annotate.language import Languages, annotate_wanted
from pipeline.annotate.language_detector import LanguageDetector, language_code, words_of_text
from pipeline.messages import Post
from tests.pipeline.fakes import FakeAnnotator

ENGLISH = Languages(frozenset({"en"}))
SPANISH = "Las lluvias dejan tres muertos en Valencia y cientos de coches bajo el agua"
GERMAN = "Hochwasser in Passau: Die Altstadt ist überflutet, Hunderte Menschen verlassen ihre Häuser"
NEWS = "Heavy rain has left three people dead in Valencia and hundreds of cars under water"


def _language(text: str, lang: str | None = None, languages: Languages = ENGLISH) -> str | None:
    return languages.language_of(Post(id="1", text=text, lang=lang))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SPANISH, "es"),
        (GERMAN, "de"),
        (NEWS, "en"),
        ("能登半島で震度7の地震が発生、津波警報が出ています", "ja"),
        ("زلزال قوي يضرب مراكش وانهيار عدد من المباني القديمة", "ar"),
        ("Взрыв на заводе в Перми, жителей просят не выходить", "ru"),
    ],
)
def test_a_post_is_of_the_language_of_its_words(text: str, code: str) -> None:
    """Of whatever script."""
    assert _language(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Terremoto en Chile!",
        "@El_Universal_Mx @CNNEE https://example.org/las-lluvias-dejan #TerremotoEnChile #EstamosContigo 🇨🇱",
        "asdkjh qwpoeiru zxcmnb",
        "Explosion at Café Orléans in Montréal, Québec",
        "😀" + "\u0301" * 9_000,
    ],
)
def test_a_short_or_odd_post_is_in_doubt_or_english(text: str) -> None:
    """Links, mentions, hashtags and emoji are of no language, and names say little; a post in doubt is annotated."""
    assert ENGLISH.is_wanted(_language(text))


@pytest.mark.parametrize(("english", "code"), [(0.04, "es"), (0.06, None)])
def test_a_post_that_may_be_of_a_wanted_language_is_in_doubt(
    english: float, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake detector: which real words have such probabilities depends on its model."""
    guess = {"es": 0.9, "en": english}
    monkeypatch.setattr(LanguageDetector, "guess", lambda _detector, _words: guess)
    assert _language(SPANISH) == code


@pytest.mark.parametrize(
    ("text", "lang", "code"),
    [
        ("Terremoto en Chile!", "es", "es"),  # too short to be detected
        ("Fire in Athens", "en-GB", "en"),
        (SPANISH, "en", "es"),  # the default of its author's program
        (NEWS, "de", "en"),
        (NEWS, "und", "en"),
        (SPANISH, "qme", "es"),
        (NEWS, "zxx", "en"),
        ("Terremoto 7,6 Richter sacude Costa Rica", "en", "en"),  # not enough to overrule the post
    ],
)
def test_the_posts_own_lang_counts_unless_the_words_speak_clearly_against_it(
    text: str, lang: str, code: str
) -> None:
    """`und`, `zxx` and the tags of X for posts without words are no languages."""
    assert _language(text, lang) == code


def test_words_in_a_wanted_language_leave_a_post_in_doubt() -> None:
    """A post in two languages may be an English one."""
    assert ENGLISH.is_wanted(_language(f"{NEWS}, they say: lluvias en Valencia"))


def test_several_languages_may_be_wanted() -> None:
    """As before there was any detection, each is annotated."""
    both = Languages(frozenset({"en", "de"}))
    assert both.is_wanted(_language(GERMAN, languages=both))
    assert not both.is_wanted(_language(SPANISH, languages=both))


def test_all_languages_are_wanted_without_a_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the language is the one that the post gives."""

    def guess(self: LanguageDetector, words: str) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(LanguageDetector, "guess", guess)
    everything = Languages(None)
    assert _language(SPANISH, languages=everything) is None
    assert _language(SPANISH, "es", everything) == "es"
    assert everything.is_wanted("es")


def test_the_network_does_not_see_a_post_of_another_language() -> None:
    """Nothing is found in it, and the others keep their order."""
    seen: list[str] = []

    class Watched(FakeAnnotator):
        def annotate(self, texts: Sequence[str], *rest: object) -> list[Annotation | AnnotationError]:
            seen.extend(texts)
            return super().annotate(texts)

    posts = [Post(id=str(n), text=text) for n, text in enumerate(("Fire in Athens", SPANISH, NEWS))]
    timings: dict[str, float] = {}
    found = annotate_wanted(cast(Annotator, Watched()), posts, ENGLISH, timings)
    assert seen == ["Fire in Athens", NEWS]
    assert [one.language for one in found] == [None, "es", "en"]
    assert [len(one.annotation.entities) for one in found if isinstance(one.annotation, Annotation)] == [
        1,
        0,
        0,
    ]
    assert timings["language"] > 0


def test_a_batch_of_other_languages_does_not_run_the_network() -> None:
    """A broken network would raise."""
    annotator = FakeAnnotator()
    annotator.is_broken = True
    [found] = annotate_wanted(cast(Annotator, annotator), [Post(id="1", text=SPANISH)], ENGLISH, {})
    assert found.language == "es"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RT @desk: Fire in Athens! http://t.co/x #fire 🔥", "Fire in Athens"),
        ("<p>Fire in&nbsp;Athens &amp; Patras</p>", "Fire in Athens Patras"),
        ("@user@instance.example it's 5pm, 3rd floor", "it's pm rd floor"),
        ("बाढ़ से सड़क बंद", "बाढ़ से सड़क बंद"),
        ("FIRE IN ATHENS", "fire in athens"),
        ("𝐅𝐢𝐫𝐞 in Ａthens", "Fire in Athens"),
    ],
)
def test_only_words_are_left(text: str, words: str) -> None:
    """In compatibility form, and not in capitals."""
    assert words_of_text(text) == words


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "en"), ("EN_us", "en"), ("zh-Hans-CN", "zh"), ("in", "id"), ("nb", "no"), ("fil", "tl")]
    + [(tag, None) for tag in (None, "", "und", "zxx", "qme", "x", "english", "-" * 10_000)],
)
def test_a_tag_has_a_code_or_is_no_language(tag: str | None, code: str | None) -> None:
    """Old and regional tags have the code of their language."""
    assert language_code(tag) == code
