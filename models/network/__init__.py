"""The network as a whole: from sentences to scores.

- `buckets`: puts texts of similar length together.
- `batch`: sentences as padded tensors.
- `token_encoder`: the features of a token.
- `sequence_encoder`: what mixes in the neighbours of a token, with and without syntax.
- `joint_model`: the network: entities and sentiment from one sentence.
- `checkpoint`: a trained network as two files.
"""
