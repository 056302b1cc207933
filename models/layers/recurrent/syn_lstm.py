"""The bidirectional SynLSTM, over sentences of different lengths."""

import torch
from torch import Tensor, nn

from models.layers.recurrent.packed_rows import pack_both_ways, put, take
from models.layers.recurrent.syn_lstm_recurrence import SynLstmRecurrence, infer
from models.layers.tokens import Tokens


class SynLstm(nn.Module):
    """Bidirectional LSTM whose memory takes a second, graph-encoded input (Xu et al. 2021, eq. 3-8).

        f, o = sigmoid(W x_t + U h_{t-1} + Q g_t + b)      i = sigmoid(W x_t + U h_{t-1} + b)
        m = sigmoid(Q g_t + U h_{t-1} + b)                 c~ = tanh(W x_t + U h_{t-1} + b)
        s = tanh(Q g_t + U h_{t-1} + b)                    (each gate has its own W, U, Q and b)
        c_t = f * c_{t-1} + i * c~ + m * s                 h_t = o * tanh(c_t)

    A step is one batched product for both directions, and no step reads padding. The inputs of all steps are
    projected beforehand, in one product for the words and one for the graph. Each of the two feeds four of the six
    gates, so each has a weight of its own, and no zeros are multiplied.

    Shapes:
        words: (B, T, D) token features.
        graph: (B, T, G) graph features of the same tokens.
        lengths: (B,) number of real tokens of each sentence, on the CPU.
        returns: (B, T, 2 H) hidden states of both directions, zero on padding.
    """

    def __init__(self, words_size: int, graph_size: int, hidden_size: int) -> None:
        super().__init__()
        # The first axis is the direction. The last axis has the gates: c~, i, f, o (words); f, o, m, s (graph); and
        # all six in this order (hidden).
        self.weight_words = nn.Parameter(torch.empty(2, words_size, 4 * hidden_size))
        self.weight_graph = nn.Parameter(torch.empty(2, graph_size, 4 * hidden_size))
        self.weight_hidden = nn.Parameter(torch.empty(2, hidden_size, 6 * hidden_size))
        self.bias = nn.Parameter(torch.empty(2, 6 * hidden_size))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, words: Tokens, graph: Tensor, lengths: Tensor) -> Tensor:
        batch_size, num_tokens = graph.shape[:2]
        batch_sizes, order = pack_both_ways(lengths, num_tokens)
        order = order.to(graph.device)
        weights = self._doubled_weights()
        if torch.is_grad_enabled():
            states = SynLstmRecurrence.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
                batch_sizes, take(words.dense, order), take(graph, order), *weights
            )
        else:
            states = infer(batch_sizes, words, graph, order, weights)
        return put(states, order, batch_size, num_tokens)

    def _doubled_weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Double the weights of c~ and s, as the recurrence needs them: tanh(z) = 2 sigmoid(2 z) - 1."""
        size = self.weight_hidden.shape[1]
        doubled = self.bias.new_tensor([2.0, 1.0, 1.0, 1.0, 1.0, 2.0]).repeat_interleave(size)
        return (
            self.weight_words * doubled[: 4 * size],
            self.weight_graph * doubled[2 * size :],
            self.weight_hidden * doubled,
            self.bias * doubled,
        )
