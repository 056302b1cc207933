"""LSTMs that read in both directions and never read padding.

- `packed_rows`: sentences of different lengths as rows without padding.
- `bilstm`: the standard LSTM.
- `lstm_recurrence`: its steps on a CPU, with their own backward pass.
- `char_bilstm`: an LSTM over the characters of a word.
- `syn_lstm`: the LSTM that also reads a graph convolution.
- `syn_lstm_recurrence`: its steps, with their own backward pass.
"""
