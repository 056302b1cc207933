"""The formats of Bluesky.

- `jetstream`: events of Jetstream
- `app_view`: views of posts, feeds, records with their address
- `record`: the record of a post, the same in both
"""
