"""Posts as they come from networks, feeds and topics of others: `tocsin source NAME`.

- `source`: the contract: what a source gives, and how it fails.
- `registry`: the sources by name.
- `documents`: from a source's documents to posts.
- `runner`: publishes what any source gives, and resumes where it stopped.
- `bluesky`: posts of Bluesky, by Jetstream.
"""
