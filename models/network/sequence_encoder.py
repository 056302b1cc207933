"""What mixes a token's neighbours into its features: encoders with and without syntax."""

from torch import Tensor, nn

from models.config import ModelConfig
from models.layers.recurrent.bilstm import BiLstm
from models.layers.recurrent.syn_lstm import SynLstm
from models.layers.tokens import Tokens
from models.network.batch import Layout


class PlainEncoder(nn.Module):
    """A standard BiLSTM over token features; returns (B, T, 2 H)."""

    def __init__(self, config: ModelConfig, token_size: int) -> None:
        super().__init__()
        self.bilstm = BiLstm(token_size, config.hidden_size)

    def forward(self, tokens: Tokens, layout: Layout) -> Tensor:
        states: Tensor = self.bilstm(tokens, layout.lengths)
        return states


class SyntacticEncoder(nn.Module):
    """A SynLSTM over token features and their graph convolution; returns (B, T, 2 H)."""

    def __init__(self, config: ModelConfig, token_size: int, num_deprels: int) -> None:
        # Imported here, because only this encoder needs torch_geometric, which takes longer to load than PyTorch.
        from models.layers.dependency_gcn import DependencyGcn

        super().__init__()
        self.gcn = DependencyGcn(
            token_size,
            config.gcn_size,
            num_deprels=num_deprels,
            deprel_dim=config.deprel_dim,
            num_layers=config.num_gcn_layers,
        )
        self.syn_lstm = SynLstm(token_size, config.gcn_size, config.hidden_size)

    def forward(self, tokens: Tokens, layout: Layout) -> Tensor:
        graph = self.gcn(tokens.dense, layout.edge_index, layout.edge_type, layout.mask)
        states: Tensor = self.syn_lstm(tokens, graph, layout.lengths)
        return states


class SharedStates(nn.Module):
    """Sentiment reads the states of the NER encoder."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.size = 2 * config.hidden_size

    def forward(self, states: Tensor, tokens: Tokens, layout: Layout) -> Tensor:
        return states


class SeparateStates(nn.Module):
    """Sentiment has its own BiLSTM, over the word embeddings (the paper's section 3.1)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.size = 2 * config.sentiment_hidden_size
        self.word_dim = config.word_dim
        self.bilstm = BiLstm(config.word_dim, config.sentiment_hidden_size, config.num_sentiment_layers)

    def forward(self, states: Tensor, tokens: Tokens, layout: Layout) -> Tensor:
        own: Tensor = self.bilstm(tokens.first(self.word_dim), layout.lengths)
        return own
