"""Where posts come from, and how they get on the topic of posts.

A source is one function: an async iterator that yields batches of items (`produce.SourceItem`). `produce` publishes
what any source yields. To add a source, write its function in a file of its own here, and a command for it in
`pipeline.cli`, which calls `run_source` of `pipeline.cli.produce`. The record of a post is
`Outgoing(settings.topic_posts, post.id.encode(), encode(post))`.

- `json_lines`: the source that reads a file or pipe with one JSON object a line.
- `produce`: publishes the items of a source, and counts what became of them.
"""
