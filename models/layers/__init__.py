"""The layers of the network, a file each, with the shapes of their tensors and the papers that they come from.

- `tokens`: the tokens of a batch, each with its own features or with those of its word.
- `word_embedding`: word vectors, trained and frozen.
- `locked_dropout`: dropout with one mask for all tokens of a sentence.
- `recurrent/`: LSTMs over sentences and over the characters of a word.
- `dependency_gcn`: graph convolution over a dependency tree.
- `pooling`: the states of a sentence as one vector.
- `decoders/`: tag scores to tags.
- `losses`: the losses of the sentiment head.
"""
