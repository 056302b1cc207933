"""Graph convolution over the dependency tree of a sentence."""

import warnings

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    # When it is imported, torch_geometric 2.8 compiles parts of itself with functions that torch 2.13 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn import MessagePassing


class DependencyGraphConv(MessagePassing):  # type: ignore[misc]  # PyG publishes no types
    """One graph convolution whose messages depend on the relation of their edge.

    After Kipf and Welling (2017) with the relation terms of Marcheggiani and Titov (2017):

        h_i' = ReLU( 1/|N(i)| * sum over j in N(i) of (W h_j + V r_ij) + b )

    where N(i) contains i's head, its dependents and i itself, and r_ij is the learned embedding of the relation, of
    its reverse, or of the self loop.

    Shapes:
        nodes: (N, D); edge_index: (2, E) source and target; relations: (E, R).
        returns: (N, H).
    """

    def __init__(self, input_size: int, relation_size: int, output_size: int) -> None:
        super().__init__(aggr="mean")
        self.node = nn.Linear(input_size, output_size)
        self.relation = nn.Linear(relation_size, output_size, bias=False)

    def forward(self, nodes: Tensor, edge_index: Tensor, edge_type: Tensor, relations: Tensor) -> Tensor:
        # Relations are projected once each, not once for each edge. The bias comes before the mean, which does not
        # change the result.
        messages = self.propagate(
            edge_index, x=self.node(nodes), relation=self.relation(relations), edge_type=edge_type
        )
        return torch.relu(messages)

    def propagate(self, edge_index: Tensor, **inputs: Tensor) -> Tensor:
        """Call PyG's own `propagate`.

        For a class without this method PyG would generate one: each process would leave a Python file in the folder
        for temporary files.
        """
        nodes: Tensor = super().propagate(edge_index, **inputs)
        return nodes

    def message(self, x_j: Tensor, relation: Tensor, edge_type: Tensor) -> Tensor:
        return x_j + relation[edge_type]


class DependencyGcn(nn.Module):
    """Layers of graph convolution over each token, its head and its dependents.

    Shapes:
        tokens: (B, T, D) token features.
        edge_index: (2, E) head and dependent of each arc; token t of sentence b is node `b * T + t`.
        edge_type: (E,) relation of each arc.
        mask: (B, T) true on real tokens.
        returns: (B, T, H), zero on padding.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, num_deprels: int, deprel_dim: int, num_layers: int
    ) -> None:
        super().__init__()
        self.num_deprels = num_deprels
        # One embedding for each relation, one for its reverse, and one for self loops.
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
