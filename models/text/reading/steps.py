"""What is read as other characters, one kind after the other."""

from __future__ import annotations

from models.text.reading import characters, links, markup, references
from models.text.reading.source_map import ReadText


def read_text(source: str) -> ReadText:
    """Return the text as it is read; most texts are read as they come, at nearly no cost.

    Markup goes first, and references are resolved once. So `&lt;b&gt;` is read as `<b>`, which is no markup.
    """
    read = ReadText(source)
    if "<" in source and (edits := markup.find(source)):
        read = read.apply(edits)
        read.markup = [(edit.start, edit.end) for edit in edits]
    if "&" in read.text:
        read = read.apply(references.find(read.text))
    if "://" in read.text:
        read = read.apply(links.find(read.text))
    # Of ASCII only controls are read as anything else, and those are not printable.
    if not (read.text.isascii() and read.text.isprintable()):
        for find in characters.STEPS:
            read = read.apply(find(read.text))
    return read
