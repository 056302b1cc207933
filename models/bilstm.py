"""The standard LSTM, run both ways over sentences of different lengths."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.lstm_recurrence import run_lstm
from models.packed_rows import pack_both_ways, put, take


class BiLstm(nn.Module):
    """A bidirectional LSTM that never reads padding.

    Without gradients on a CPU it takes its own steps, faster there than `nn.LSTM`'s (see `lstm_recurrence`).

    Shapes:
        tokens: (B, T, D).
        lengths: (B,) real tokens of each sentence, on the CPU.
        returns: (B, T, 2 H) hidden states of both directions, zero on padding.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            input_size, hidden_size, num_layers=num_layers, batch_first=True, bidirectional=True
        )

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        if not torch.is_grad_enabled() and tokens.device.type == "cpu":
            return self._infer(tokens, lengths)
        packed = pack_padded_sequence(tokens, lengths, batch_first=True, enforce_sorted=False)
        states: Tensor = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=tokens.shape[1]
        )[0]
        return states

    def _infer(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        batch_sizes, order = pack_both_ways(lengths, tokens.shape[1])
        for both in zip(self.lstm.all_weights[::2], self.lstm.all_weights[1::2], strict=True):
            rows = take(tokens, order)
            gates = rows.new_empty(*rows.shape[:2], 4 * self.lstm.hidden_size)
            for side, (weight, _, bias, hidden_bias) in enumerate(both):
                torch.addmm(bias + hidden_bias, rows[side], weight.T, out=gates[side])
            states = run_lstm(batch_sizes, gates, [weights[1].T for weights in both])
            tokens = put(states, order, *tokens.shape[:2])
        return tokens
