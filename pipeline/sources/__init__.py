"""Where posts come from, and how they get on the topic of posts.

A source is one function: an async iterator that yields batches of items (`produce.SourceItem`). `produce` publishes
what any source yields. To add a source, write its function in a file of its own here, and a command for it in
`pipeline.cli`, which calls `run_source` of `pipeline.cli.produce`. The record of a post is
`Outgoing(settings.topic_posts, post.id.encode(), encode(post))`.

- `lines`: the lines of a file or pipe, as they come.
- `event_lines`: server-sent events in a file.
- `file_form`: what a file is made of: lines, events, or one document.
- `post_file`: a file or pipe of posts in any form, as documents.
- `post_records`: the records of the posts in a document, whatever its format.
- `produce`: publishes the items of a source, and counts what became of them.
"""
