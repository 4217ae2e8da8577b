"""DINOv2 with register tokens: one frame to patch tokens.

Source: Oquab et al., DINOv2, 2024; Darcet et al., Vision Transformers Need Registers, 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.layers.patch_embedding import PatchEmbedding
from mapper.frontends.vggt.block import Block, BlockSizes
from mapper.frontends.vggt.config import VggtConfig

EPS = 1e-6


class Encoder(nn.Module):
    """Parameters as published; mask_token only exists in checkpoints."""

    def __init__(self, config: VggtConfig) -> None:
        super().__init__()
        width, side = config.embed_dim, config.img_size // config.patch_size
        self.side = side
        self.registers = config.num_register_tokens
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, width))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.num_register_tokens, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width), requires_grad=False)
        self.patch_embed = PatchEmbedding(3, width, config.patch_size)
        sizes = BlockSizes(width, config.vit_heads, config.mlp_ratio, EPS, config.vit_init_values)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(config.vit_depth))
        self.norm = nn.LayerNorm(width, eps=EPS)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) to patch tokens (N, h * w, C), row by row."""
        return self.all_tokens(images)[:, 1 + self.registers :]

    def all_tokens(self, images: Tensor) -> Tensor:
        """Class token, registers and patches after the last norm."""
        tokens = self.prepared(images)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)

    def prepared(self, images: Tensor) -> Tensor:
        """(N, 1 + registers + h * w, C) before the first block; registers get no position."""
        height, width = (side // self.patch_embed.proj.stride[0] for side in images.shape[-2:])
        patches = self.patch_embed(images.to(self.patch_embed.proj.weight.dtype)).float()
        position = self.position(height, width)
        rows = (len(images), -1, -1)
        first = (self.cls_token + position[:, :1]).expand(rows)
        return torch.cat([first, self.register_tokens.expand(rows), patches + position[:, 1:]], 1)

    def position(self, height: int, width: int) -> Tensor:
        """(1, 1 + height * width, C): the stored square grid resized to the frame's."""
        if height == width == self.side:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].float().unflatten(1, (self.side, self.side))
        # Antialiased also when growing: that bicubic kernel differs from the plain one.
        resized = functional.interpolate(
            grid.permute(0, 3, 1, 2), size=(height, width), mode="bicubic", antialias=True
        )
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], 1)
