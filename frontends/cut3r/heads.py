"""The two kinds of heads, dense (DPT) and linear, each with a pose head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.cut3r.activations import facing_forward
from mapper.frontends.cut3r.config import Cut3rConfig
from mapper.frontends.cut3r.dpt import Dpt
from mapper.frontends.cut3r.modulation import ModulatedBlock
from mapper.frontends.layers.mlp import Mlp
from mapper.frontends.layers.rope import Rope2D

POINT_CHANNELS = 4  # x, y, z, confidence
RGB_CHANNELS = 3
POSE_CHANNELS = 7
TRANSFORM_BLOCKS = 2


@dataclass(frozen=True, slots=True, eq=False)
class HeadInput:
    """Tokens of one frame, float32.

    levels: encoder tokens (B, n, C_enc) and two middle decoder layers (B, n, C). tokens: (B, n, C)
    of the last layer, pose_token: (B, C) of the same. grid: (h, w), n = h * w. rope: of the grid.
    """

    levels: tuple[Tensor, Tensor, Tensor]
    tokens: Tensor
    pose_token: Tensor
    grid: tuple[int, int]
    rope: Rope2D


class PoseHead(nn.Module):
    """Pose token to raw translation and quaternion."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = Mlp(width, 4 * width, POSE_CHANNELS)

    def forward(self, pose_token: Tensor) -> Tensor:
        """(B, C) to (B, 7)."""
        return self.mlp(pose_token)


def transform_blocks(config: Cut3rConfig) -> nn.ModuleList:
    """The blocks that turn camera-frame tokens into world-frame ones, given the pose token."""
    return nn.ModuleList(
        ModulatedBlock(config.dec_embed_dim, config.dec_num_heads) for _ in range(TRANSFORM_BLOCKS)
    )


class Heads(nn.Module):
    """What both kinds share. Raw maps are (B, H, W, channels), before their activations.

    Modules are created by the kinds, in the order of the published state dict.
    """

    final_transform: nn.ModuleList
    pose_head: PoseHead

    @property
    def dense(self) -> list[nn.Module]:
        """The parts of dense heads that may be computed in half precision."""
        return []

    def pose(self, inputs: HeadInput) -> Tensor:
        """Raw pose, (B, 7)."""
        return self.pose_head(inputs.pose_token)

    def self_view(self, inputs: HeadInput) -> Tensor:
        """Raw points in the camera frame and confidence."""
        raise NotImplementedError

    def cross_view(self, inputs: HeadInput) -> Tensor:
        """Raw points in the world and confidence."""
        raise NotImplementedError

    def rgb(self, inputs: HeadInput) -> Tensor:
        """Raw colours."""
        raise NotImplementedError

    def world_tokens(self, inputs: HeadInput) -> Tensor:
        """The last layer's tokens moved to the world frame, (B, n, C)."""
        tokens = inputs.tokens
        for block in self.final_transform:
            tokens = block(tokens, inputs.pose_token, inputs.rope)
        return tokens


class DptHeads(Heads):
    """Three independent dense heads."""

    def __init__(self, config: Cut3rConfig) -> None:
        super().__init__()
        widths = (config.enc_embed_dim, config.dec_embed_dim)
        self.dpt_self = Dpt(config.dpt, *widths, POINT_CHANNELS)
        self.final_transform = transform_blocks(config)
        self.dpt_cross = Dpt(config.dpt, *widths, POINT_CHANNELS)
        if config.rgb_head:
            self.dpt_rgb = Dpt(config.dpt, *widths, RGB_CHANNELS)
        self.pose_head = PoseHead(config.dec_embed_dim)

    @property
    def dense(self) -> list[nn.Module]:
        """Of all three."""
        heads = [head for head in self.children() if isinstance(head, Dpt)]
        return [part for head in heads for part in head.products]

    def self_view(self, inputs: HeadInput) -> Tensor:
        """Pointmap and confidence in the camera of the view, raw (B, h, w, 4)."""
        # Unlike the linear head, this one may predict points behind the camera, as published.
        return self._dense(self.dpt_self, inputs, inputs.tokens)

    def cross_view(self, inputs: HeadInput) -> Tensor:
        """Pointmap and confidence in the world, raw (B, h, w, 4)."""
        return self._dense(self.dpt_cross, inputs, self.world_tokens(inputs))

    def rgb(self, inputs: HeadInput) -> Tensor:
        """Colours, raw (B, h, w, 3)."""
        return self._dense(self.dpt_rgb, inputs, inputs.tokens)

    def _dense(self, dpt: Dpt, inputs: HeadInput, last: Tensor) -> Tensor:
        return dpt((*inputs.levels, last), inputs.grid).permute(0, 2, 3, 1)


class LinearHeads(Heads):
    """A perceptron a token; its outputs are the pixels of the token's patch."""

    def __init__(self, config: Cut3rConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        width = config.dec_embed_dim
        pixels = config.patch_size**2
        self.proj = Mlp(width, 4 * width, POINT_CHANNELS * pixels)
        if config.rgb_head:
            self.rgb_proj = Mlp(width, 4 * width, RGB_CHANNELS * pixels)
        self.pose_head = PoseHead(width)
        self.final_transform = transform_blocks(config)
        self.cross_proj = Mlp(width, 4 * width, POINT_CHANNELS * pixels)

    def self_view(self, inputs: HeadInput) -> Tensor:
        """Pointmap and confidence in the camera of the view, raw (B, h, w, 4)."""
        raw = self._pixels(self.proj(inputs.tokens), inputs.grid)
        return torch.cat([facing_forward(raw[..., :3]), raw[..., 3:]], -1)

    def cross_view(self, inputs: HeadInput) -> Tensor:
        """Pointmap and confidence in the world, raw (B, h, w, 4)."""
        return self._pixels(self.cross_proj(self.world_tokens(inputs)), inputs.grid)

    def rgb(self, inputs: HeadInput) -> Tensor:
        """Colours, raw (B, h, w, 3)."""
        return self._pixels(self.rgb_proj(inputs.tokens), inputs.grid)

    def _pixels(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """(B, n, channels * patch^2), channel first, to (B, H, W, channels)."""
        image = tokens.transpose(1, 2).unflatten(2, grid)
        return functional.pixel_shuffle(image, self.patch_size).permute(0, 2, 3, 1)


def build_heads(config: Cut3rConfig) -> Heads:
    """The heads that the configuration names."""
    return DptHeads(config) if config.head_type == "dpt" else LinearHeads(config)
