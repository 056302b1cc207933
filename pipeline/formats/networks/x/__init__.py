"""The formats of X.

- `v2`: API v2: single posts, pages, lines of the filtered stream, compliance events
- `v1`: API v1.1 and what was collected with it
- `posts`: what both need: the address of a post, the whole text of a retweet
"""
