"""HTML in a text: what is certainly markup, and what it is read as."""

import pytest

from models.text.reading import read_text

SHORTENED = (
    '<a href="https://example.org/a/long/path?x=1&amp;y=2" rel="nofollow noopener" target="_blank">'
    '<span class="invisible">https://</span><span class="ellipsis">example.org/a/long</span>'
    '<span class="invisible">/path?x=1&amp;y=2</span></a>'
)
MENTION = '<span class="h-card"><a href="https://m.example/@bob" class="u-url">@<span>bob</span></a></span>'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>Flooding in Alma<br />Roads closed</p><p>More soon</p>", "Flooding in Alma Roads closed More soon"),
        ("Flooding<br>Alma", "Flooding Alma"),
        ("New <b>York</b> and Los <strong>Angeles</strong>", "New York and Los Angeles"),
        ("<ul><li>Alma</li><li>Leeds</li></ul>", "Alma Leeds"),
        ("<td>Alma</td><td>Leeds</td>", "Alma Leeds"),
        (f"<p>Fire: {SHORTENED} now</p>", "Fire: https://example.org/a/long/path?x=1&y=2 now"),
        ('<a href="https://m.example/tags/x" class="mention hashtag" rel="tag">#<span>flood</span></a>', "#flood"),
        (f"<p>{MENTION} hi</p>", "@bob hi"),
        ('<p>Alma<span class="invisible">Leeds</span></p>', "Alma"),
        ('<p>Fire <img draggable="false" alt=":x:" src="https://x.example/a.png"></p>', "Fire"),
        ("<p>Fire :Alma: at 10:30:45, :30:, Alert:Fire:x :a:</p>", "Fire at 10:30:45, :30:, Alert:Fire:x :a:"),
        ("<div>Alma<!-- Leeds --><script>Leeds</script><style>p {}</style></div>", "Alma"),
        ("<P CLASS='x'>Alma</P>", "Alma"),
        ("Alma</p", "Alma</p"),
        ("<p>Alma <script>never ends", "Alma"),
        ("<p>a < b, I <3 you, <unknown> <b></p>", "a < b, I <3 you, <unknown>"),
        ('<a href="https://x.example/?a=1&b=>">Alma</a>', "Alma"),
        ("<p onclick=x() hidden>Alma</p>", "Alma"),
    ],
)  # fmt: skip
def test_markup_is_read_as_a_reader_sees_it(source: str, words: str) -> None:
    """Blocks are spaces, hidden things are left out, a shortened link is whole, and unknown tags are text."""
    assert " ".join(read_text(source).text.split()) == words


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "if a<b and c>d",
        "I <3 Alma </3",
        "RT <user> said <unknown> in <number> days",
        "use <b> for bold and <i> for slanted",
        "<url> <a> <s>",
        "<-- this, --> that",
        "<!-- no markup but this -->",
        "x<script",
        "Fire :Alma: now",
        "<br",
    ],
)
def test_a_text_that_may_be_no_html_is_not_touched(text: str) -> None:
    """One tag that ends nothing is too little to be certain."""
    assert read_text(text).text == text


def test_a_stretch_knows_whether_it_holds_markup() -> None:
    """Markup beside a stretch is not in it."""
    source = "<p>New <b>York</b>, Alma</p>"
    read = read_text(source)
    assert source[slice(*read.to_source(1, 9))] == "New <b>York"
    assert read.holds_markup(*read.to_source(1, 9))
    assert not read.holds_markup(*read.to_source(5, 9))
    assert not read.holds_markup(*read.to_source(11, 15))
    assert read.shown(*read.to_source(1, 9)) == "New York"
    assert not read_text("Alma").holds_markup(0, 4)
