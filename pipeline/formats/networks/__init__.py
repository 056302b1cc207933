"""The formats of social networks and feeds, and nothing about how they travel.

- `shape`: looking into a stranger's document without an error, and metadata in one form for all networks
- `skipped`: codes for what is no post
- `x_v2`: X, API v2: single posts, pages, lines of the filtered stream, compliance events
- `x_v1`: X, API v1.1 and what was collected with it
- `x_text`: what both of them need
- `jetstream`: Bluesky as Jetstream streams it
- `bluesky`: Bluesky as its app view and its repositories give it
- `bluesky_record`: the record of a Bluesky post, the same in both
- `mastodon`: statuses, and events of the streaming API
- `reddit`: posts and comments of the API and of dumps
- `telegram`: updates of the Bot API, exports of Telegram Desktop, messages of Telethon
- `feeds`: RSS and Atom
"""
