"""The camera of every frame, refined four times from its camera token."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.layers.linear import Linear
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.vggt.block import Block, BlockSizes
from mapper.frontends.vggt.config import ITERATIONS, VggtConfig

EPS = 1e-5
ADAPTIVE_EPS = 1e-6
ENCODING = 9  # translation 3, quaternion xyzw 4, field of view 2


class CameraMixer(Protocol):
    """How the frames' camera tokens see one another; the same trunk serves every iteration."""

    def __call__(
        self, iteration: int, block: int, query: Tensor, key: Tensor, value: Tensor, /
    ) -> Tensor:
        """(B, frames, heads, d) each; returns (B, frames, 2C)."""
        ...


class CameraHead(nn.Module):
    """Iterative refinement, always starting again from the token (spec section 5)."""

    def __init__(self, config: VggtConfig) -> None:
        super().__init__()
        width = 2 * config.embed_dim
        sizes = BlockSizes(width, config.cam_heads, config.mlp_ratio, EPS, config.agg_init_values)
        self.empty_pose_tokens = nn.Parameter(torch.zeros(1, 1, ENCODING))
        self.trunk = nn.Sequential(*(Block(sizes) for _ in range(config.cam_trunk_depth)))
        self.token_norm = nn.LayerNorm(width, eps=EPS)
        self.trunk_norm = nn.LayerNorm(width, eps=EPS)
        self.embed_pose = nn.Linear(ENCODING, width)
        self.poseLN_modulation = nn.Sequential(nn.SiLU(), Linear(width, 3 * width))
        self.pose_branch = Mlp(width, width // 2, ENCODING)

    @property
    def products(self) -> list[nn.Module]:
        """What may be computed in half precision: all but what reads and makes the encoding."""
        return [self.trunk, self.poseLN_modulation]

    def forward(self, camera_tokens: Tensor, mix: CameraMixer) -> list[Tensor]:
        """camera_tokens (B, S, 2C) to the encoding (B, S, 9) after every iteration."""
        tokens = self.token_norm(camera_tokens)
        plain = functional.layer_norm(tokens, tokens.shape[-1:], eps=ADAPTIVE_EPS)
        encoding, encodings = self.empty_pose_tokens.expand(*tokens.shape[:2], -1), []
        for iteration in range(ITERATIONS):
            # Gradients stop at the fed-back encoding, as the network was trained: each iteration
            # learns its own change alone.
            encoding = encoding.detach() if iteration else encoding
            shift, scale, gate = self.poseLN_modulation(self.embed_pose(encoding)).chunk(3, -1)
            hidden = gate * (plain * (1 + scale) + shift) + tokens
            for number, block in enumerate(self.trunk):
                hidden = block(hidden, None, partial(mix, iteration, number))
            change = self.pose_branch(self.trunk_norm(hidden))
            encoding = encoding + change if iteration else change
            encodings.append(activated(encoding))
        return encodings


def activated(encoding: Tensor) -> Tensor:
    """Fields of view are not negative; translation and quaternion stay as they are."""
    return torch.cat([encoding[..., :7], encoding[..., 7:].relu()], -1)
