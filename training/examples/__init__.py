"""What a network is trained on: parsed sentences with labels, from a cache, in batches, and their vocabulary.

- `example`: a parsed sentence with the labels that its corpus has.
- `store`: corpora tokenised and parsed, and kept in a cache.
- `packed`: the form in which the cache keeps examples on disk.
- `batching`: batches of like length and like labels.
- `variation`: posts told a little differently each time: other names, no retweet mark.
- `glove`: word vectors read from a file.
- `vocabulary`: which words a vocabulary is built from, and its initial vectors.
"""
