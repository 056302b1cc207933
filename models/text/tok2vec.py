"""A faster tok2vec for spaCy's parser, with spaCy's own weights.

spaCy's tok2vec embeds each word without its neighbours (`MultiHashEmbed`), and then mixes in the neighbours
(`MaxoutWindowEncoder`). Here the embeddings are remembered from call to call, and torch computes the second part.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from spacy.attrs import ORTH  # type: ignore[import-not-found]  # a Cython module without stubs
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from torch import Tensor

from models.text.word_table import WordTable

Rows = NDArray[np.float32]
"""(T, D): one vector for each of the T words of a sentence."""


def speed_up(tok2vec: Any, vocab: Vocab) -> None:
    """Replace the layers of a tok2vec component by faster ones; it can no longer be trained.

    Its vectors stay the same except for rounding.
    """
    embed, encode = tok2vec.model.layers
    tok2vec.model.layers[:] = [
        _as_layer("remembered_embeddings", RememberedEmbeddings(embed, vocab)),
        _as_layer("torch_window_encoder", WindowEncoder(encode)),
    ]


class RememberedEmbeddings:
    """Embeds each word once.

    The embedding depends on the word and on whether a space follows it. In our `Doc`s a space follows every word.
    """

    def __init__(self, embed: Any, vocab: Vocab) -> None:
        self._embed = embed
        self._vocab = vocab
        self._table = WordTable(self._read)

    def __call__(self, docs: Sequence[Doc]) -> list[Rows]:
        words = np.concatenate([doc.to_array(ORTH) for doc in docs])
        distinct, row_of_word = np.unique(words, return_inverse=True)
        rows = self._table.look_up(distinct.tolist()).numpy()[row_of_word]
        return np.split(rows, np.cumsum([len(doc) for doc in docs])[:-1])

    def _read(self, words: Sequence[int]) -> Tensor:
        strings = self._vocab.strings
        [rows] = self._embed.predict([Doc(self._vocab, words=[strings[word] for word in words])])
        return torch.from_numpy(rows)


class WindowEncoder:
    """Residual blocks that read one neighbour on each side, with the weights of a trained `MaxoutWindowEncoder`.

    Each block computes x + LayerNorm(max over pieces of (W [x before; x; x after] + b)).
    """

    def __init__(self, encode: Any) -> None:
        self._num_pads = int(encode.attrs["pad"])
        blocks = encode.layers[0].layers
        self._blocks = [_Block(_find(block, "maxout"), _find(block, "layernorm")) for block in blocks]

    def __call__(self, sentences: Sequence[Rows]) -> list[Rows]:
        # As in thinc's `with_array`, rows of zeros keep the sentences apart, one row for each block.
        pads = np.zeros((self._num_pads, sentences[0].shape[1]), dtype=np.float32)
        states = torch.from_numpy(np.concatenate([pads, *(part for s in sentences for part in (s, pads))]))
        with torch.inference_mode():
            for block in self._blocks:
                states = block(states)
        starts = np.cumsum([self._num_pads, *(len(sentence) + self._num_pads for sentence in sentences)])
        return [states.numpy()[start : end - self._num_pads] for start, end in pairwise(starts)]


class _Block:
    def __init__(self, maxout: Any, norm: Any) -> None:
        weight, bias = (torch.tensor(maxout.get_param(name)) for name in ("W", "b"))
        self._num_pieces = weight.shape[1]
        # The pieces are the outermost axis, because a maximum over neighbouring columns is slow.
        self._weight = weight.transpose(0, 1).flatten(0, 1).contiguous()
        self._bias = bias.t().flatten()
        self._scale, self._shift = (torch.tensor(norm.get_param(name)) for name in ("G", "b"))

    def __call__(self, states: Tensor) -> Tensor:
        """(N, D) to (N, D)."""
        num_rows, size = states.shape
        # Three rows in a row of memory are a window, so no row is copied.
        windows = F.pad(states, (0, 0, 1, 1)).as_strided((num_rows, 3 * size), (size, 1))
        first, *others = F.linear(windows, self._weight, self._bias).chunk(self._num_pieces, dim=1)
        for other in others:
            first = torch.maximum(first, other)
        return states + F.layer_norm(first, (size,), self._scale, self._shift, eps=1e-8)


def _find(layer: Any, name: str) -> Any:
    return next(part for part in layer.walk() if part.name == name)


def _as_layer(name: str, predict: Any) -> Any:
    def forward(_: Any, inputs: Any, is_train: bool) -> tuple[Any, Any]:
        assert not is_train
        return predict(inputs), None

    return Model(name, forward)
