"""Sentences packed without padding."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence

from models.layers.recurrent.packed_rows import pack_both_ways, put, take

LENGTHS = [4, 1, 6, 3]


def test_rows_are_packed_as_torch_packs_them() -> None:
    """Steps and their sizes are those of a `PackedSequence`, and the second direction runs from each end."""
    lengths = torch.tensor(LENGTHS)
    positions = torch.arange(24).view(4, 6)
    batch_sizes, order = pack_both_ways(lengths, 6)
    packed = pack_padded_sequence(positions, lengths, batch_first=True, enforce_sorted=False)
    assert batch_sizes == packed.batch_sizes.tolist()
    assert order[0].tolist() == packed.data.tolist()
    turned = torch.stack([torch.cat([p[:n].flip(0), p[n:]]) for p, n in zip(positions, LENGTHS, strict=True)])
    packed = pack_padded_sequence(turned, lengths, batch_first=True, enforce_sorted=False)
    assert order[1].tolist() == packed.data.tolist()


def test_packed_rows_return_to_their_tokens() -> None:
    """Both directions return to the tokens that they were taken from, and padding becomes zero."""
    tokens = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor(LENGTHS)
    _, order = pack_both_ways(lengths, 6)
    real = tokens * (torch.arange(6) < lengths[:, None])[..., None]
    assert torch.equal(put(take(tokens, order), order, 4, 6), torch.cat([real, real], dim=-1))
