"""Decoders: from tag scores to tags.

- `tag_decoder`: the interface of a decoder, and how it says how sure it is.
- `softmax_decoder`: each tag by itself.
- `crf`: the tags of a sentence together, only in orders that the scheme allows.
"""
