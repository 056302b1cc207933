"""Lines of the form `{"text": ..., "label": "positive|negative|neutral"}`."""

import html
import re
from typing import Any

from training.corpora.labelled_text import LabelledText

# TweetEval keeps JSON escapes as literal characters: the six characters \u2019 stand for an apostrophe.
_LITERAL_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def decode_escapes(text: str) -> str:
    """Undo literal \\uXXXX escapes and HTML entities, as the TweetEval files still hold them."""
    unescaped = _LITERAL_ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    # Two halves of a surrogate pair become one character; a lone half would break UTF-8 output later.
    joined = unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return html.unescape(joined)


def parse_sentiment_line(line: dict[str, Any]) -> LabelledText:
    """Read a text with its sentiment; raises ValueError where one of the two is missing."""
    text, label = line["text"], line["label"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` must be a non-empty string")
    if not isinstance(label, str) or not label:
        raise ValueError("`label` must be a non-empty string")
    return LabelledText(
        text=decode_escapes(text),
        sentiment=label,
        fields={key: value for key, value in line.items() if key not in ("text", "label")},
    )
