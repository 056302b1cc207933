"""Graph convolution over a sentence's dependency tree."""

import warnings

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    # torch_geometric 2.8 compiles parts of itself on import with what torch 2.13 calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn import MessagePassing


class DependencyGraphConv(MessagePassing):  # type: ignore[misc]  # PyG publishes no types
    """One graph convolution whose messages know their relation.

    After Kipf and Welling (2017) with the relation terms of Marcheggiani and Titov (2017):

        h_i' = ReLU( 1/|N(i)| * sum over j in N(i) of (W h_j + V r_ij) + b )

    where N(i) holds i's head, its dependents and i itself, and r_ij is the learned embedding of the relation,
    of its reverse or of the self loop.

    Shapes:
        nodes: (N, D); edge_index: (2, E) source and target; relations: (E, R).
        returns: (N, H).
    """

    def __init__(self, input_size: int, relation_size: int, output_size: int) -> None:
        super().__init__(aggr="mean")
        self.node = nn.Linear(input_size, output_size)
        self.relation = nn.Linear(relation_size, output_size, bias=False)

    def forward(self, nodes: Tensor, edge_index: Tensor, edge_type: Tensor, relations: Tensor) -> Tensor:
        # Projected once a relation rather than once an edge; the bias may enter before a mean.
        messages = self.propagate(
            edge_index, x=self.node(nodes), relation=self.relation(relations), edge_type=edge_type
        )
        return torch.relu(messages)

    def propagate(self, edge_index: Tensor, **inputs: Tensor) -> Tensor:
        """PyG's own. Only a class that brings a `propagate` is spared the one that PyG else writes for it as a
        Python file into the temporary folder, once a process, and leaves there."""
        nodes: Tensor = super().propagate(edge_index, **inputs)
        return nodes

    def message(self, x_j: Tensor, relation: Tensor, edge_type: Tensor) -> Tensor:
        return x_j + relation[edge_type]


class DependencyGcn(nn.Module):
    """Layers of graph convolution over heads, dependents and the token itself.

    Shapes:
        tokens: (B, T, D) token features.
        edge_index: (2, E) head node and dependent node of each arc, node `b * T + t`.
        edge_type: (E,) relation of each arc.
        mask: (B, T) true on real tokens.
        returns: (B, T, H), zero on padding.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, num_deprels: int, deprel_dim: int, num_layers: int
    ) -> None:
        super().__init__()
        self.num_deprels = num_deprels
        # Each relation, its reverse, and one for self loops.
        self.relations = nn.Embedding(2 * num_deprels + 1, deprel_dim)
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(DependencyGraphConv(size, deprel_dim, hidden_size) for size in sizes)

    def forward(self, tokens: Tensor, edge_index: Tensor, edge_type: Tensor, mask: Tensor) -> Tensor:
        nodes = tokens.flatten(0, 1)
        loops = torch.arange(len(nodes), device=nodes.device)
        both_ways = torch.cat([edge_index, edge_index.flip(0), loops.expand(2, -1)], dim=1)
        loop_type = torch.full_like(loops, 2 * self.num_deprels)
        types = torch.cat([edge_type, edge_type + self.num_deprels, loop_type])
        for layer in self.layers:
            nodes = layer(nodes, both_ways, types, self.relations.weight)
        return nodes.view(*mask.shape, -1) * mask[..., None]
