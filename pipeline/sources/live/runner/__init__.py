"""Publishes what any live source gives, and resumes where it stopped.

A batch takes three hops: the runner picks what is to be published (`intake`), publishes it, and then notes its cursor
(`cursor_store`). Only then does it take the next batch, so nothing piles up while Kafka is away.

- `process`: the process around one source: `tocsin source NAME`
- `runner`: reads the source over all its outages, and publishes
- `intake`: from a batch to records: what is a duplicate, filtered, skipped or bad is counted
- `filters`: which posts are taken, by language and by words
- `cursor_store`: how far the source has been read, in a compacted topic
- `metrics`: the metrics of a source
"""
