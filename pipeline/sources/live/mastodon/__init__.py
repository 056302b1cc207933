"""Posts of a Mastodon instance.

- `source`: the source: its gap since the cursor, then its stream
- `streams`: which streams there are, and where the API has them
- `status_ids`: the order of ids, and an id a little before another
"""
