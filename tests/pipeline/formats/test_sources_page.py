"""The examples of docs/sources.md, read as the page says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats.envelopes import ENVELOPES
from pipeline.formats.format import ReadPost
from pipeline.formats.networks.skipped import SKIPPED
from pipeline.formats.reader import PostReader
from pipeline.settings import Settings
from tests.pages import read_page
from tests.pipeline.formats.networks.samples import NETWORKS

_PAGE = read_page("docs/sources.md")


def _section(heading: str) -> str:
    return _PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]


def _example(section: str, kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def _read(content: str, **settings: Any) -> ReadPost:
    (reading,) = PostReader.of(Settings(**settings)).read(content.encode())
    assert isinstance(reading, ReadPost)
    return reading


@pytest.mark.parametrize(
    ("heading", "kind", "name", "text"),
    [
        ("## Our own form", "json", "tocsin", "Flooding in Jakarta: thousands flee"),
        ("### x-v2", "json", "x-v2", "RT @rheindesk: Explosion at a plant in Ludwigshafen"),
        ("### x-v1", "json", "x-v1", "Wildfire near Athens forces the evacuation of two villages"),
        ("### jetstream", "json", "jetstream", "Huge fire in Rotterdam"),
        ("### bluesky", "json", "bluesky", "Bomb threat at the central station in Brussels"),
        ("### mastodon", "json", "mastodon", "Train derails near Milan,\nat least 12 injured"),
        ("### reddit", "json", "reddit", "Gas leak in Lyon\nThree streets are evacuated."),
        ("### telegram", "json", "telegram", "Storm surge floods Venice"),
        (
            "### rss and atom",
            "xml",
            "rss",
            "Bridge collapses near Innsbruck\nTwo lorries fell into the water.",
        ),
    ],
)
def test_an_example_is_read_as_the_format_that_it_shows(
    heading: str, kind: str, name: str, text: str
) -> None:
    reading = _read(_example(_section(heading), kind))
    assert (reading.read_as.format, reading.post.text) == (name, text)
    assert reading.post.url or name == "tocsin"


def test_the_mapping_makes_a_post_of_the_document_below_it(tmp_path: Path) -> None:
    section = _section("## Anything else: a mapping")
    mapping = _example(section, "toml")
    file = tmp_path / "mapping.toml"
    file.write_text(mapping, encoding="utf-8")
    document = re.search(r"`(\{.*\})`", section)
    assert document is not None
    post = _read(document[1], post_mapping=file).post
    assert (post.id, post.text, post.lang, post.author) == ("m-1", "Flood in Jakarta", "en", "ana")
    assert post.url == "https://desk.example/m/m-1"
    assert {"id", "text", "created_at", "lang", "author", "url"} == tomllib.loads(mapping).keys()


def test_every_format_and_every_envelope_is_there() -> None:
    rows = [line.split("|")[1] for line in _section("## Formats").splitlines() if line.startswith("| [")]
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == {
        form.name for form in NETWORKS
    }
    assert set(re.findall(r"`(\w+)`", _section("## Envelopes"))) == set(ENVELOPES)


def test_the_codes_that_the_page_names_exist() -> None:
    named = re.search(r"kinds are skipped: ([^.]*)\.", _section("### jetstream"))
    assert named is not None
    assert set(re.findall(r"`(\w+)`", named[1])) <= SKIPPED.keys()
    assert "`unnamed_deletion`" in _section("### mastodon")


def test_offsets_count_code_points() -> None:
    text = "🌊🌊 Venice"
    assert f'`"{text}"` and the offsets 3 and 9' in _PAGE
    assert text[3:9] == "Venice"
    units = text.encode("utf-16-le")[2 * 3 : 2 * 9]
    assert units.decode("utf-16-le", "replace") == "\ufffd Veni"
    assert json.dumps("Veni") in _PAGE.replace('" Veni"', '"Veni"')
