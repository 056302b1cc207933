"""What the sources over HTTP have in common.

- `site`: a server with its token; requests, streams, and which of its refusals pass
- `address`: the address of a server
- `limits`: how long a server asks us to wait
- `lines`: lines of a stream that arrives in pieces, within a bound of memory
- `events`: server-sent events
"""
