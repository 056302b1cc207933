"""The first agent: posts in, annotated posts out. `tocsin annotate` runs it.

- `agent`: what it does with records.
- `reading`: which posts lie in a record, and which part of it each is.
- `network`: the network as the pipeline uses it, loaded as the settings say, and its answers in the wire form.
- `metrics`: what it counts besides what every agent counts.
- `role`: from settings to a running process.
"""
