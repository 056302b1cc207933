"""Posts as they come from networks, feeds and topics of others: `tocsin source NAME`.

- `source`: the contract: what a source gives, and how it fails.
- `registry`: the sources by name.
- `documents`: from a source's documents to posts.
- `gathering`: what a connection brings, in batches.
- `runner`: publishes what any source gives, and resumes where it stopped.
- `bluesky`: posts of Bluesky, by Jetstream.
- `mastodon`: posts of a Mastodon instance, by its streaming API.
- `x`: posts of X, by the filtered stream of its API v2.
- `rss`: entries of RSS and Atom feeds.
- `kafka_topic`: records of another topic or cluster.
- `http`: what the sources over HTTP have in common.
- `event_time`: when the posts of a batch were written.
"""
