"""The graph convolution, compared with dense products."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor

from models.layers.dependency_gcn import DependencyGcn, DependencyGraphConv


def dense_layer(layer: DependencyGraphConv, nodes: Tensor, relations: Tensor, kinds: Tensor) -> Tensor:
    """One sentence, with `kinds[i, j]` the relation from j to i, or -1."""
    adjacency = (kinds >= 0).to(nodes.dtype)
    messages = adjacency @ layer.node(nodes)
    for kind in range(len(relations)):
        messages += (kinds == kind).to(nodes.dtype) @ layer.relation(relations[kind]).expand(len(nodes), -1)
    return torch.relu(messages / adjacency.sum(dim=1, keepdim=True))


def dense_kinds(heads: list[int], deprels: list[int], num_deprels: int) -> Tensor:
    kinds = torch.full((len(heads), len(heads)), -1)
    for token, (head, deprel) in enumerate(zip(heads, deprels, strict=True)):
        kinds[token, token] = 2 * num_deprels
        if head != token:
            kinds[token, head] = deprel
            kinds[head, token] = deprel + num_deprels
    return kinds


def test_layers_equal_dense_products() -> None:
    """Two sentences in a padded batch have the states that dense products give for each of them alone."""
    torch.manual_seed(0)
    trees = [([1, 1, 1, 2], [2, 3, 0, 2]), ([0, 0], [3, 1])]
    gcn = DependencyGcn(3, 5, num_deprels=4, deprel_dim=2, num_layers=2).double()
    tokens = torch.randn(2, 4, 3, dtype=torch.double)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    arcs = [
        (4 * row + h, 4 * row + t, d[t])
        for row, (hs, d) in enumerate(trees)
        for t, h in enumerate(hs)
        if h != t
    ]
    actual = gcn(
        tokens, torch.tensor([arc[:2] for arc in arcs]).T, torch.tensor([arc[2] for arc in arcs]), mask
    )
    for row, (heads, deprels) in enumerate(trees):
        nodes = tokens[row, : len(heads)]
        for layer in gcn.layers:
            assert isinstance(layer, DependencyGraphConv)
            nodes = dense_layer(layer, nodes, gcn.relations.weight, dense_kinds(heads, deprels, 4))
        torch.testing.assert_close(actual[row, : len(heads)], nodes, atol=1e-9, rtol=0)
    assert not actual[~mask].any()


def test_directions_and_relations_differ() -> None:
    """A head and its dependent, and two relations, give different states: an edge is more than being a neighbour."""
    torch.manual_seed(0)
    gcn = DependencyGcn(3, 5, num_deprels=4, deprel_dim=2, num_layers=1)
    tokens, mask = torch.randn(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)
    there = gcn(tokens, torch.tensor([[0], [1]]), torch.tensor([2]), mask)
    back = gcn(tokens, torch.tensor([[1], [0]]), torch.tensor([2]), mask)
    other = gcn(tokens, torch.tensor([[0], [1]]), torch.tensor([3]), mask)
    assert not torch.allclose(there, back)
    assert not torch.allclose(there, other)


def test_a_process_leaves_no_file_behind(tmp_path: Path) -> None:
    """A process that builds and runs the convolution leaves no file in the folder for temporary files."""
    program = (
        "import torch; from models.layers.dependency_gcn import DependencyGcn\n"
        "gcn = DependencyGcn(3, 5, num_deprels=4, deprel_dim=2, num_layers=2)\n"
        "gcn(torch.ones(1, 2, 3), torch.tensor([[0], [1]]), torch.tensor([2]), torch.ones(1, 2).bool())\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=Path.cwd())
    assert list(tmp_path.iterdir()) == []
