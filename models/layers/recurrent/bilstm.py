"""The standard bidirectional LSTM, over sentences of different lengths."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.layers.recurrent.lstm_recurrence import LstmRecurrence, run_lstm
from models.layers.recurrent.packed_rows import pack_both_ways, put, take
from models.layers.tokens import OwnFeatures, Tokens


class BiLstm(nn.Module):
    """A bidirectional LSTM that never reads padding.

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

    def forward(self, tokens: Tokens, lengths: Tensor) -> Tensor:
        return read_both_ways(self.lstm, tokens, lengths)


def read_both_ways(lstm: nn.LSTM, tokens: Tokens, lengths: Tensor) -> Tensor:
    """Return the hidden states of `lstm` for sequences of different lengths; shapes as in `BiLstm`.

    On a CPU our own recurrence computes them (see `lstm_recurrence`). For sequences of different lengths it is faster
    than that of `nn.LSTM`. With gradients it is slower if all sequences have the same length.
    """
    if lstm.weight_ih_l0.device.type == "cpu":
        return _read_on_cpu(lstm, tokens, lengths)
    features = tokens.dense
    packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
    states: Tensor = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=features.shape[1])[0]
    return states


def _read_on_cpu(lstm: nn.LSTM, tokens: Tokens, lengths: Tensor) -> Tensor:
    run = _read_with_gradients if torch.is_grad_enabled() else _read_without_gradients
    assert int(lengths.min()) > 0, "a sequence is empty"
    batch_size, num_tokens = len(lengths), tokens.num_tokens
    batch_sizes, order = pack_both_ways(lengths, num_tokens)
    for both in zip(lstm.all_weights[::2], lstm.all_weights[1::2], strict=True):
        states = run(batch_sizes, tokens, order, both)
        tokens = OwnFeatures(put(states, order, batch_size, num_tokens))
    return tokens.dense


def _read_with_gradients(
    batch_sizes: Sequence[int], tokens: Tokens, order: Tensor, both: Sequence[Sequence[Tensor]]
) -> Tensor:
    weight_input, weight_hidden = (torch.stack([of_side[n].T for of_side in both]) for n in range(2))
    bias = torch.stack([of_side[2] + of_side[3] for of_side in both])
    states: Tensor = LstmRecurrence.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        batch_sizes, take(tokens.dense, order), weight_input, weight_hidden, bias
    )
    return states


def _read_without_gradients(
    batch_sizes: Sequence[int], tokens: Tokens, order: Tensor, both: Sequence[Sequence[Tensor]]
) -> Tensor:
    gates = torch.stack(
        [
            tokens.project(weight.T, bias + hidden_bias, order[side])
            for side, (weight, _, bias, hidden_bias) in enumerate(both)
        ]
    )
    return run_lstm(batch_sizes, gates, [weights[1].T for weights in both])
