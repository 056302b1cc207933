"""The formats of social networks and feeds, and nothing about how they travel.

- `shape`: looking into a stranger's document without an error, and metadata in one form for all networks
- `skipped`: codes for what is no post
- `changes`: codes for what a format has done to a text
- `x`: X, by its API v2 and v1.1
- `bluesky`: Bluesky, by Jetstream and by its app view
- `mastodon`: statuses, and events of the streaming API
- `reddit`: posts and comments of the API and of dumps
- `telegram`: updates of the Bot API, exports of Telegram Desktop, messages of Telethon
- `feeds`: RSS and Atom
"""
