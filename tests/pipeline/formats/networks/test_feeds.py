"""RSS and Atom: what becomes of an entry, and feeds that mean harm."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InvalidMessageError
from pipeline.formats.format import Skipped
from tests.pipeline.formats.networks.samples import BY_NAME, document, read

_RSS, _ATOM = BY_NAME["rss"], BY_NAME["atom"]


def _item(content: str) -> Any:
    return read("rss", f'<rss version="2.0"><channel><item>{content}</item></channel></rss>')[0]


def test_a_feed_gives_its_items() -> None:
    first, second = read("rss", document("rss.xml"))
    assert (
        first.text
        == "Bridge collapses near Innsbruck & blocks the river\nTwo lorries fell into the water. Map"
    )
    assert (first.id, first.url) == ("valley-2026-0001", "https://valley.example/bridge")
    assert (first.created_at, first.lang, first.author) == (
        "2026-03-14T05:12:09Z",
        "en-gb",
        "Mia Sample",
    )
    assert first.metadata == {"feed": "Valley News", "tags": ["accident"]}
    assert first.changes == ("html",)
    # Without a guid the link is the id, and the feed is the author.
    assert (second.id, second.author) == ("https://valley.example/hospital", "Valley News")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("CET", "2026-03-14T05:12:09Z"),
        ("BST", "Sat, 14 Mar 2026 06:12:09 BST"),
        ("EST", "2026-03-14T11:12:09Z"),
        ("GMT", "2026-03-14T06:12:09Z"),
    ],
)
def test_a_zone_that_is_not_known_is_not_taken_for_utc(zone: str, expected: str) -> None:
    found = _item(f"<guid>1</guid><title>a</title><pubDate>Sat, 14 Mar 2026 06:12:09 {zone}</pubDate>")
    assert found.created_at == expected


def test_an_atom_feed_gives_its_entries() -> None:
    first, second = read("atom", document("atom.xml"))
    assert (
        first.text
        == "Ferry runs aground off Crete, 200 passengers rescued\nNobody was hurt, the coast guard says."
    )
    assert (first.id, first.url) == ("tag:island.example,2026:1", "https://island.example/ferry")
    assert first.created_at == "2026-03-14T07:30:00Z"
    assert first.metadata["edited_at"] == "2026-03-14T08:00:00Z"
    assert second.text == "Water shortage on Malta\nTaps run dry in Valletta.\nTankers are on their way."


@pytest.mark.parametrize(("name", "file"), [("rss", "rss-item.xml"), ("atom", "atom-entry.xml")])
def test_an_item_alone_is_a_feed_of_one(name: str, file: str) -> None:
    (draft,) = read(name, document(file))
    assert draft.id
    assert draft.author in ("Mia Sample", "Rui Sample")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<title>Flood</title>", "Flood"),
        ("<title>Flood</title><description></description>", "Flood"),
        ("<title>Flood</title><description>Flood in Jakarta</description>", "Flood in Jakarta"),
        ("<title>Fire</title><description>Firefighters come</description>", "Fire\nFirefighters come"),
        ("<description>Rain</description>", "Rain"),
        ("<title>A</title><description>&lt;p&gt;B&lt;/p&gt;&lt;p&gt;C&lt;/p&gt;</description>", "A\nB\nC"),
        ("<title>A &lt; B and C</title>", "A < B and C"),
        ("<title>M&amp;amp;S</title>", "M&S"),
        ("<link>https://x.example</link>", None),
    ],
)
def test_the_text_is_title_and_summary_as_a_reader_sees_them(content: str, text: str | None) -> None:
    assert _item(content).text == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<rss version='2.0'/>", "rss"),
        ("\ufeff <?xml version='1.0'?><!-- a > b --><!DOCTYPE rss [<!ENTITY a 'b'>]><rss>", "rss"),
        ('<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">', "rss"),
        ('<feed xmlns="http://www.w3.org/2005/Atom">', "atom"),
        ("<entry>", "atom"),
        ("<rssx>", None),
        ("<feeds>", None),
        ("<html>", None),
        ("<!-- <rss> ", None),
        ("rss", None),
    ],
)
def test_a_feed_is_known_by_its_first_element(text: str, name: str | None) -> None:
    assert [form.name for form in (_RSS, _ATOM) if form.recognises(text)] == ([name] if name else [])


def test_an_identifier_is_no_address() -> None:
    """feedparser gives it as the link of an item that has none."""
    draft = _item("<guid>tag:desk,1</guid><title>Flood</title>")
    assert (draft.id, draft.url) == ("tag:desk,1", None)


def test_a_post_that_has_one_time_was_not_edited() -> None:
    """RSS 1.0 has `dc:date` alone, which feedparser takes for the time of an update."""
    draft = _item(
        "<title>Flood</title><dc:date xmlns:dc='http://purl.org/dc/elements/1.1/'>2026-03-14T06:12:09Z</dc:date>"
    )
    assert draft.created_at == "2026-03-14T06:12:09Z"
    assert "edited_at" not in (draft.metadata or {})


def test_a_feed_that_is_no_xml_is_read() -> None:
    (draft,) = read(
        "rss",
        "<rss version='2.0'><channel><item><guid>1</guid><title>M&S & more</title><br></item></channel>",
    )
    assert draft.id == "1"
    assert draft.text == "M&S & more"


def test_the_declared_encoding_is_not_taken_again() -> None:
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel><item><title>Orléans</title>'
    )
    assert read("rss", f"{text}</item></channel></rss>")[0].text == "Orléans"


def test_entities_do_not_grow() -> None:
    declared = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE rss [<!ENTITY a0 "aaaaaaaaaa">{declared}]><rss version="2.0"><channel><item><title>x &a9; y'
    (draft,) = read("rss", f"{bomb}</title></item></channel></rss>")
    assert len(draft.text) < 100


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_nothing_is_fetched_and_no_file_is_opened(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", fetch)
    feed = tmp_path / "feed.xml"
    feed.write_text("<rss version='2.0'><channel><item><title>secret</title></item></channel></rss>")
    external = (
        f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{feed.as_uri()}">]><rss version="2.0"><channel><item><title>a &x;'
    )
    for text in (str(feed), feed.as_uri(), "https://feed.example/", "feed://feed.example"):
        with pytest.raises(InvalidMessageError, match="no feed was found"):
            read(name, text)
    assert "secret" not in str(read(name, f"{external}</title></item></channel></rss>"))


@pytest.mark.parametrize("piece", ["<!--", "<![CDATA[", "<a ", "&", "<!DOCTYPE [", "<?", "\n", "<item>"])
def test_a_long_row_of_openings_ends(piece: str) -> None:
    """It would take hours if the time grew with the square of the length."""
    row = piece * (200_000 // len(piece))
    assert not _RSS.recognises(row) or piece == "<item>"
    draft = _item(f"<title>Flood</title><description>{row}</description>")
    assert draft.text.startswith("Flood")


def test_an_empty_feed_is_no_post() -> None:
    assert read("rss", '<rss version="2.0"><channel><title>x</title></channel></rss>') == [Skipped("nothing")]


def test_what_is_no_feed_is_refused() -> None:
    with pytest.raises(InvalidMessageError, match="no feed was found"):
        read("rss", "<html></html>")
    with pytest.raises(InvalidMessageError, match="it is JSON"):
        read("atom", {"id": 1})
