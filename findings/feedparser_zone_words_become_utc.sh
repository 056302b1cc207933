#!/bin/sh
# feedparser takes a time in a zone that it does not know by name for a time in UTC, and tells nobody.
#
# RFC 822 names only the zones of the USA, UT and GMT, but feeds write CEST, JST, MSK and others. One would expect no parsed time,
# or a sign that it is in doubt. `published_parsed` is documented as UTC, and `bozo` stays false. So a warning from Paris in
# summer seems to be two hours younger than it is, and one from Tokyo nine: it may lie in the future.
#
# Seen with feedparser 6.0.14, for 12:00 on 14 July 2026 in each zone:
#   +0200: 10:00 UTC
#   CEST: 12:00 UTC, bozo False
#   JST: 12:00 UTC, bozo False
#   MSK: 12:00 UTC, bozo False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check feedparser==6.0.14
cat > "$folder/finding.py" <<'PYTHON'
import io
import time

import feedparser


def read(zone):
    item = f"<item><title>t</title><pubDate>Tue, 14 Jul 2026 12:00:00 {zone}</pubDate></item>"
    feed = feedparser.parse(io.BytesIO(f'<rss version="2.0"><channel>{item}</channel></rss>'.encode()))
    return time.strftime("%H:%M", feed.entries[0].published_parsed), bool(feed.bozo)


offset, _ = read("+0200")
print(f"+0200: {offset} UTC")
assert offset == "10:00"
for zone in ("CEST", "JST", "MSK"):
    shown, bozo = read(zone)
    print(f"{zone}: {shown} UTC, bozo {bozo}")
    assert (shown, bozo) == ("12:00", False), "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
