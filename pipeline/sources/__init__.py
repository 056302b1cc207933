"""Where posts come from, and how they get on the topic of posts.

A source is one function: an async iterator that yields batches of items (`produce.SourceItem`). `produce` publishes
what any source yields. To add a source, write its function in a file of its own here, and a command for it in
`pipeline.cli`. A record of a post has the post's id as its key and the post's JSON as its value.

- `json_lines`: the source that reads a file or pipe with one JSON object a line.
- `produce`: publishes the items of a source, and counts what became of them.
"""
