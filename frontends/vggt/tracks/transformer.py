"""The transformer that turns what surrounds each point into its next move."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.vggt.config import TrackConfig

MLP_RATIO = 4


class TrackBlock(nn.Module):
    """Self attention whose skip connection adds to the normalised input, as trained."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = Mlp(width, MLP_RATIO * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        tokens = self.norm1(tokens)
        tokens = tokens + self.attn(tokens, tokens, tokens, need_weights=False)[0]
        return tokens + self.mlp(self.norm2(tokens))


class TrackCrossBlock(nn.Module):
    """The same with attention to a context."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.cross_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = Mlp(width, MLP_RATIO * width)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """tokens (B, n, width), context (B, m, width); returns (B, n, width)."""
        tokens, context = self.norm1(tokens), self.norm_context(context)
        tokens = tokens + self.cross_attn(tokens, context, context, need_weights=False)[0]
        return tokens + self.mlp(self.norm2(tokens))


class UpdateTransformer(nn.Module):
    """Attention over time for each track, then among the tracks of a frame through 64 virtual ones.

    inputs, outputs: channels of a token and of its update.
    """

    def __init__(self, config: TrackConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        width, heads, depth = config.hidden_size, config.num_heads, config.depth
        # The name is misspelt in the published files.
        self.virual_tracks = nn.Parameter(torch.randn(1, config.num_virtual_tracks, 1, width))
        self.input_norm = nn.LayerNorm(inputs)
        self.input_transform = nn.Linear(inputs, width)
        self.output_norm = nn.LayerNorm(width)
        self.flow_head = nn.Linear(width, outputs)

        def blocks(kind: type[TrackBlock] | type[TrackCrossBlock]) -> nn.ModuleList:
            return nn.ModuleList(kind(width, heads) for _ in range(depth))

        self.time_blocks = blocks(TrackBlock)
        self.space_virtual_blocks = blocks(TrackBlock)
        self.space_point2virtual_blocks = blocks(TrackCrossBlock)
        self.space_virtual2point_blocks = blocks(TrackCrossBlock)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, tracks, frames, inputs) to (B, tracks, frames, outputs)."""
        batch, count, frames, _ = tokens.shape
        start = self.input_transform(self.input_norm(tokens))
        virtual = self.virual_tracks.expand(batch, -1, frames, -1)
        tracks = torch.cat([start, virtual], 1)
        for layer, time_block in enumerate(self.time_blocks):
            tracks = time_block(tracks.flatten(0, 1)).view_as(tracks)
            space = tracks.transpose(1, 2).flatten(0, 1)  # (B * frames, tracks + 64, width)
            points, virtual = space[:, :count], space[:, count:]
            virtual = self.space_virtual2point_blocks[layer](virtual, points)
            virtual = self.space_virtual_blocks[layer](virtual)
            points = self.space_point2virtual_blocks[layer](points, virtual)
            joined = torch.cat([points, virtual], 1)
            tracks = joined.unflatten(0, (batch, frames)).transpose(1, 2)
        return self.flow_head(self.output_norm(tracks[:, :count] + start))
