#!/bin/sh
# feedparser makes "M&S; closes" of <title>M&S closes</title>, and tells nobody: the title has a semicolon that the feed has not.
#
# A bare ampersand is the most common mistake in feeds. The document is then no XML, so feedparser's strict parser gives up
# (`bozo` is set), and its lenient one takes `&S` for a reference without its semicolon. It does not know that name, so it
# puts it back, but with the semicolon. Names such as AT&T, M&S and R&D are hit; an ampersand between blanks is not.
#
# Seen with feedparser 6.0.14:
#   'AT&T and M&S close' is read as 'AT&T; and M&S; close'
#   escaped before: 'AT&T and M&S close'
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet feedparser==6.0.14
cat > "$folder/finding.py" <<'PYTHON'
import io

import feedparser


def title(text):
    feed = f'<rss version="2.0"><channel><item><title>{text}</title></item></channel></rss>'
    return feedparser.parse(io.BytesIO(feed.encode())).entries[0].title


text = "AT&T and M&S close"
print(f"{text!r} is read as {title(text)!r}")
print(f"escaped before: {title(text.replace('&', '&amp;'))!r}")
assert title(text) == "AT&T; and M&S; close", "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
