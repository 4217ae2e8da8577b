"""DINOv2 whose later layers let views see one another.

Source: Lin et al., Depth Anything 3, 2025; Oquab et al., DINOv2, 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.errors import InputError
from mapper.frontends.da3.config import Da3Config
from mapper.frontends.layers.attention import attend
from mapper.frontends.layers.patch_embedding import PatchEmbedding
from mapper.frontends.layers.rope import Rope2D, grid_positions
from mapper.frontends.vggt.block import Block, BlockSizes, rotated

if TYPE_CHECKING:
    from jaxtyping import Float

BLOCK_EPS: Final = 1e-6
EPS: Final = 1e-5  # of the last norm, and of the norms of queries and keys
RESIZE_SLACK: Final = 0.1  # patches by which the scales of a resized position embedding are larger


@dataclass(frozen=True, slots=True, eq=False)
class OwnTokens:
    """What the first layers make of views, each by itself: it does not depend on the others.

    tokens: (N, P, C), the class token first. class_tokens: (N, C) one layer earlier, by which the
    reference view is chosen. grid: (h, w) in patches, P = h w + 1. as_others: (N, P, C) one layer
    later, of views that are not the reference; None where that layer sees other views.
    """

    tokens: Float[Tensor, "n p c"]
    class_tokens: Float[Tensor, "n c"]
    grid: tuple[int, int]
    as_others: Float[Tensor, "n p c"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tapped:
    """What the heads read of views that have seen one another.

    taps: layer to the patches (B, W, h w, D) of the W wanted views. camera_tokens: (B, S, D) of
    the last layer of all S views, as they are.
    """

    taps: dict[int, Tensor]
    camera_tokens: Float[Tensor, "b s d"]
    grid: tuple[int, int]


class Backbone(nn.Module):
    """Parameters as published."""

    def __init__(self, config: Da3Config) -> None:
        super().__init__()
        self.config = config
        width, side = config.embed_dim, config.img_size // config.patch_size
        self.side = side
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        if config.sees_views:
            self.camera_token = nn.Parameter(torch.zeros(1, 2, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, width))
        self.patch_embed = PatchEmbedding(3, width, config.patch_size)
        self.blocks = nn.ModuleList(Block(self._sizes(i)) for i in range(config.depth))
        self.norm = nn.LayerNorm(width, eps=EPS)

    def _sizes(self, layer: int) -> BlockSizes:
        config = self.config
        return BlockSizes(
            config.embed_dim,
            config.num_heads,
            config.mlp_ratio,
            BLOCK_EPS,
            scale=1.0,
            qk_norm=config.sees_views and layer >= config.alt_start,
            qk_eps=EPS,
            gated=config.gated,
        )

    def embedded(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n p c"]:
        """Tokens before the first layer of normalised images."""
        grid = self.grid(images)
        patches = self.patch_embed(images.to(self.patch_embed.proj.weight.dtype)).float()
        position = self.position(*grid)
        first = (self.cls_token + position[:, :1]).expand(len(images), -1, -1)
        return torch.cat([first, patches + position[:, 1:]], 1)

    def own(self, images: Float[Tensor, "n 3 h w"]) -> OwnTokens:
        """The layers before the first in which views see one another."""
        config, grid = self.config, self.grid(images)
        before = self.embedded(images)
        for block in self.blocks[: config.alt_start - 1]:
            before = block(before)
        tokens, others = self.blocks[config.alt_start - 1](before), None
        if not config.is_global(config.alt_start) and config.alt_start not in config.out_layers:
            first = self.camera_token[:, 1].expand(len(tokens), -1)
            others = self.began(tokens, first, grid)
        return OwnTokens(tokens, before[:, 0], grid, others)

    def began(
        self, tokens: Float[Tensor, "n p c"], first: Float[Tensor, "n c"], grid: tuple[int, int]
    ) -> Float[Tensor, "n p c"]:
        """The layer alt_start, of views by themselves, once it is known what they begin with."""
        tokens = torch.cat([first[:, None], tokens[:, 1:]], 1)
        rope = local_rope(grid, self.config, tokens.device)
        return self.blocks[self.config.alt_start](tokens, rope)

    def joint(
        self,
        tokens: Float[Tensor, "b s p c"],
        first: Float[Tensor, "b s c"] | None,
        grid: tuple[int, int],
        wanted: int | None = None,
    ) -> Tapped:
        """The layers in which views see one another.

        first: what becomes of each view's first token; None = tokens are those of `began`.
        wanted: of how many views, the last ones, the patches are read; None = of all. The others'
        are not computed in the last layer, which changes no number.
        """
        config, (batch, views) = self.config, tokens.shape[:2]
        seen = views if wanted is None else wanted
        if first is not None:
            tokens = torch.cat([first[:, :, None], tokens[:, :, 1:]], 2)
        local = tokens = tokens.flatten(0, 1)
        taps: dict[int, Tensor] = {}
        for layer in range(config.alt_start + (first is None), config.depth):
            block = self.blocks[layer]
            assert isinstance(block, Block)
            if not config.is_global(layer):
                tokens = local = block(tokens, local_rope(grid, config, tokens.device))
            else:
                rope = global_rope(grid, config, tokens.device)
                together = tokens.unflatten(0, (batch, views)).flatten(1, 2)
                if layer == config.depth - 1 and seen < views:
                    camera, kept = _last(block, together, rope, views, seen)
                    local = local.unflatten(0, (batch, views))
                    both = torch.cat([local[:, :, 0], camera], -1)
                    taps[layer] = self._read(local[:, -seen:], kept)
                    return Tapped(taps, both, grid)
                tokens = block(together, rope).view_as(tokens)
            if layer in config.out_layers:
                parts = (x.unflatten(0, (batch, views))[:, views - seen :] for x in (local, tokens))
                taps[layer] = self._read(*parts)
        first = torch.cat([local[:, 0], tokens[:, 0]], -1) if config.cat_token else tokens[:, 0]
        return Tapped(taps, first.unflatten(0, (batch, views)), grid)

    def alone(self, images: Float[Tensor, "n 3 h w"]) -> dict[int, Tensor]:
        """The patches (N, h w, C) that the head reads, in networks of single views."""
        tokens, taps = self.embedded(images), {}
        for layer, block in enumerate(self.blocks):
            tokens = block(tokens)
            if layer in self.config.out_layers:
                taps[layer] = self.norm(tokens)[:, 1:]
        return taps

    def grid(self, images: Tensor) -> tuple[int, int]:
        """(h, w) in patches; InputError for images that are no whole number of patches."""
        height, width = images.shape[-2:]
        patch = self.config.patch_size
        if height % patch or width % patch or not height or not width:
            raise InputError(f"image of {width}x{height}: both sides must be multiples of {patch}")
        return height // patch, width // patch

    def position(self, height: int, width: int) -> Tensor:
        """(1, 1 + height * width, C): the stored square grid resized to the frame's.

        The scales by which it is sampled are a tenth of a patch larger than the sizes' ratio.
        """
        if height == width == self.side:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].float().unflatten(1, (self.side, self.side))
        scales = tuple((count + RESIZE_SLACK) / self.side for count in (height, width))
        resized = functional.interpolate(
            grid.permute(0, 3, 1, 2), scale_factor=scales, mode="bicubic", antialias=False
        )
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], 1)

    def _read(self, local: Tensor, tokens: Tensor) -> Tensor:
        """(B, W, h w, D) of tokens (B, W, P, C) of a layer and of the last local one."""
        patches = self.norm(tokens[:, :, 1:])
        return torch.cat([local[:, :, 1:], patches], -1) if self.config.cat_token else patches


def _last(
    block: Block, together: Tensor, rope: Rope2D, views: int, seen: int
) -> tuple[Tensor, Tensor]:
    """A block over all views (B, S P, C), of which the first token of each and the last `seen`
    views' tokens are asked for: (B, S, C) and (B, seen, P, C)."""
    count = together.shape[1] // views
    others = views - seen
    asked = torch.cat(
        [
            torch.arange(0, others * count, count, device=together.device),
            torch.arange(others * count, views * count, device=together.device),
        ]
    )
    query, key, value = block.attn.projected(block.norm1(together))
    query, key = rotated(query, rope)[:, asked], rotated(key, rope)
    mixed = attend(query.to(value.dtype), key.to(value.dtype), value)
    tokens = block.ls1(together[:, asked], block.attn.proj(mixed))
    tokens = block.ls2(tokens, block.mlp(block.norm2(tokens)))
    kept = tokens[:, others:].unflatten(1, (seen, count))
    return torch.cat([tokens[:, :others], kept[:, :, 0]], 1), kept


def local_rope(grid: tuple[int, int], config: Da3Config, device: torch.device) -> Rope2D:
    """Tables within a view: the first token at the origin, patches from (1, 1) on."""
    return _rope(grid, config.embed_dim // config.num_heads, config.rope_freq, device, True)


def global_rope(grid: tuple[int, int], config: Da3Config, device: torch.device) -> Rope2D:
    """Tables across views, which tell a first token from a patch and no more."""
    return _rope(grid, config.embed_dim // config.num_heads, config.rope_freq, device, False)


@cache  # for good: a CUDA graph may have been captured that reads them
def _rope(
    grid: tuple[int, int], head_dim: int, base: float, device: torch.device, places: bool
) -> Rope2D:
    with torch.inference_mode(False):
        patches = grid_positions(*grid, device) + 1
        if not places:
            patches = torch.ones_like(patches)
        return Rope2D.at(torch.cat([patches.new_zeros(1, 2), patches]), head_dim, base)
