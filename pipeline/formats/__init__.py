"""From any record to posts: envelopes are opened, formats recognised, fields made to fit.

- `reader`: the way of a record: envelope, format, fields; what the annotate agent and the commands use
- `document`: bytes to JSON, and what is mended there: halves of surrogate pairs, numbers beyond 64 bits
- `envelopes`: opens what Kafka Connect, Debezium, Schema Registry and CloudEvents put around a post
- `format`: what a format is, and what it gives: drafts of posts, and deletions
- `registry`: all formats, in the order in which they are tried
- `mapping`: posts from any other JSON, by the JMESPath expressions of a file
- `fields`: from the draft of a post to a `Post`: what only travels through is made to fit, and the change is named
- `times`: the time of a post as RFC 3339
- `reasons`: what a record is that is no post, in the sender's words
- `choice`: which format reads a document: named, mapped or recognised
- `tocsin`: our own form
- `networks`: the formats of social networks and feeds, a file each
"""
