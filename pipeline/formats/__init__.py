"""From any record to posts: envelopes are opened, formats recognised, fields made to fit.

- `reader`: the way of a record: envelope, format, fields; what the annotate agent and the commands use
- `format`: what a format is, and what it gives: drafts of posts, and deletions
- `registry`: all formats, in the order in which they are tried
- `fields`: from the draft of a post to a `Post`: what only travels through is made to fit, and the change is named
- `tocsin`: our own form
- `networks`: the formats of social networks and feeds, a file each
"""
