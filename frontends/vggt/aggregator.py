"""Alternating attention within each frame and across frames.

Source: Wang et al., VGGT, 2025; the causal form: STream3R and StreamVGGT, 2025.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

import torch
from torch import Tensor, nn

from mapper.errors import InputError
from mapper.frontends.layers.rope import Rope2D, grid_positions
from mapper.frontends.vggt.block import Block, BlockSizes
from mapper.frontends.vggt.config import VggtConfig
from mapper.frontends.vggt.encoder import Encoder

EPS = 1e-5
PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)


class FrameMixer(Protocol):
    """How frames see one another in a layer: all at once, the past only, through a cache."""

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor, /) -> Tensor:
        """(B, frames * tokens, heads, d) each, keys rotated; returns (B, frames * tokens, C)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Aggregated:
    """What the heads need of some frames.

    taps: layer to (B, S, P, 2C), output of its frame block, then of its global block; P = special
    tokens, then patches. camera_tokens: (B, S, 2C) of the last layer. descriptor: (B, S, C), the
    mean of a frame's encoder tokens. grid: (h, w) in patches. residuals: (layers, B, S, P), the
    length of what each global block's feed-forward network adds to a token, where that was asked.
    """

    taps: dict[int, Tensor]
    camera_tokens: Tensor
    descriptor: Tensor
    grid: tuple[int, int]
    residuals: Tensor | None = None


class Aggregator(nn.Module):
    """Encoder, learned camera and register tokens, and the pairs of blocks."""

    def __init__(self, config: VggtConfig) -> None:
        super().__init__()
        self.config = config
        width = config.embed_dim
        self.camera_token = nn.Parameter(torch.randn(1, 2, 1, width) * 1e-6)
        self.register_token = nn.Parameter(
            torch.randn(1, 2, config.num_register_tokens, width) * 1e-6
        )
        self.patch_embed = Encoder(config)
        sizes = BlockSizes(
            width, config.agg_heads, config.mlp_ratio, EPS, config.agg_init_values, qk_norm=True
        )
        self.frame_blocks = nn.ModuleList(Block(sizes) for _ in range(config.agg_depth))
        self.global_blocks = nn.ModuleList(Block(sizes) for _ in range(config.agg_depth))
        tapped = {*config.dpt_layer_idx, *(config.track.dpt_layer_idx if config.track else ())}
        self.tapped = frozenset(tapped)

    def forward(
        self, images: Tensor, mix: FrameMixer, anchored: bool = True, measured: bool = False
    ) -> Aggregated:
        """images (B, S, 3, H, W) in [0, 1]. anchored: the first is the sequence's first frame.
        measured: with residuals."""
        patches = self.patch_embed(normalised(images.flatten(0, 1)))
        return self.mixed(patches, images.shape[:2], self.grid(images), mix, anchored, measured)

    def mixed(
        self,
        patches: Tensor,
        frames: tuple[int, ...],
        grid: tuple[int, int],
        mix: FrameMixer,
        anchored: bool = True,
        measured: bool = False,
    ) -> Aggregated:
        """What follows the encoder, whose patches (B * S, h w, C) depend on each frame alone.

        frames: (B, S). grid: (h, w). measured: with residuals.
        """
        special = self.special_tokens(frames[0], frames[1], anchored)
        tokens = torch.cat([special, patches], 1)
        rope = frame_rope(grid, self.config, tokens.device)
        taps: dict[int, Tensor] = {}
        residuals: list[Tensor] = []
        for layer, (frame_block, global_block) in enumerate(
            zip(self.frame_blocks, self.global_blocks, strict=True)
        ):
            local = frame_block(tokens, rope)
            together = local.unflatten(0, frames).flatten(1, 2)
            if measured:
                assert isinstance(global_block, Block)
                mixed, residual = global_block.measured(together, rope, partial(mix, layer))
                residuals.append(residual.unflatten(1, (frames[1], -1)))
            else:
                mixed = global_block(together, rope, partial(mix, layer))
            tokens = mixed.view_as(local)
            if layer in self.tapped:
                taps[layer] = torch.cat([local, tokens], -1).unflatten(0, frames)
        camera = torch.cat([local[:, 0], tokens[:, 0]], -1).unflatten(0, frames)
        descriptor = patches.mean(1).unflatten(0, frames)
        lengths = torch.stack(residuals) if measured else None
        return Aggregated(taps, camera, descriptor, grid, lengths)

    def grid(self, images: Tensor) -> tuple[int, int]:
        """(h, w) in patches; InputError for images that are no whole number of patches."""
        height, width = images.shape[-2:]
        patch = self.config.patch_size
        if height % patch or width % patch:
            raise InputError(f"image of {width}x{height}: both sides must be multiples of {patch}")
        return height // patch, width // patch

    def special_tokens(self, batch: int, frames: int, anchored: bool) -> Tensor:
        """(batch * frames, special, C): a set of its own for the first frame of a sequence."""
        both = torch.cat([self.camera_token, self.register_token], 2)[0]
        index = torch.ones(frames, dtype=torch.long, device=both.device)
        if anchored:
            index[0] = 0
        return both[index].repeat(batch, 1, 1)


def normalised(images: Tensor) -> Tensor:
    """[0, 1] to the encoder's statistics; (N, 3, H, W)."""
    mean, deviation = _pixel_statistics(images.device)
    return (images - mean) / deviation


@cache  # for good: a CUDA graph may have been captured that reads them
def _pixel_statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3, 1, 1) each, kept on the device: a copy a frame would wait for it."""
    with torch.inference_mode(False):
        both = torch.tensor([PIXEL_MEAN, PIXEL_STD], device=device)[:, :, None, None]
        return both[0], both[1]


def frame_rope(grid: tuple[int, int], config: VggtConfig, device: torch.device) -> Rope2D:
    """Tables of one frame: special tokens at the origin, patches from (1, 1) on, whatever the
    time."""
    head_dim = config.embed_dim // config.agg_heads
    return _frame_rope(grid, config.special_tokens, head_dim, config.rope_freq, device)


@cache  # for good: a CUDA graph may have been captured that reads them
def _frame_rope(
    grid: tuple[int, int], special: int, head_dim: int, base: float, device: torch.device
) -> Rope2D:
    with torch.inference_mode(False):  # the cache may serve a training step later
        patches = grid_positions(*grid, device) + 1
        return Rope2D.at(torch.cat([patches.new_zeros(special, 2), patches]), head_dim, base)
