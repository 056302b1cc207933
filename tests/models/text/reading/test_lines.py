"""Where lines begin."""

import pytest

from models import tokenize
from models.text.reading.lines import line_starts

WRAPPED = """\
The National Weather Service in Fort Worth has issued a Flood Warning
for Dallas County and for all of Tarrant County west of the city of
Arlington, Texas until noon.

Residents should move.
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fire in Boston\nRoads closed", ["Roads"]),
        ("Fire in Boston\r\n\r\nRoads closed\u2028Stay home", ["Roads", "Stay"]),
        ("Fire in Boston\rRoads\x85closed", ["Roads", "closed"]),
        ("\nFire in Boston\n", []),
        ("Fire in Boston", []),
        ("Fire\n in \n\n#Boston", ["in", "#"]),
        ("\n", []),
        (WRAPPED, ["Residents"]),
        (WRAPPED.replace("\n", "\r\n"), ["Residents"]),
        (WRAPPED.replace("Arlington, Texas until", "A flood until"), ["for", "A", "Residents"]),
        (WRAPPED.replace("\nfor", " for"), ["Arlington", "Residents"]),
    ],
)
def test_the_words_that_begin_lines(text: str, words: list[str]) -> None:
    """Any line end counts; but in a text that is wrapped to a width only a blank line does."""
    tokens = tokenize(text)
    assert [tokens[index].text for index in line_starts(text, tokens)] == words
