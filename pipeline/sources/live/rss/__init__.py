"""Entries of RSS and Atom feeds.

- `source`: the source: looks at every feed in its own time
- `addresses`: which feeds the settings name
- `fetch`: one conditional request, within bounds of size and time
- `feed`: one feed: which of its entries are new, and when to look again
- `memory`: what is known of each feed, as the cursor holds it
"""
