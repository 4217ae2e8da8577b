"""The convolutional head: tokens of one frame to a pointmap and its confidence, in float32."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.layers.linear import product
from mapper.frontends.wint3r.config import PointHeadConfig

PATCH_SIZE: Final = 16
POINT_CHANNELS: Final = 4  # x / z, y / z, log z, log of what confidence exceeds one by
PLANE_CHANNELS: Final = 2
RESIDUAL_BLOCKS: Final = 2
GROUP_CHANNELS: Final = 32


@cache  # for good: a CUDA graph may have been captured that reads them
def plane_coordinates(
    height: int, width: int, aspect: float, device: torch.device | None = None
) -> Tensor:
    """(height, width, 2): (u, v) of the cells of a map of an image whose width / height is aspect.

    The corners of the image lie on the unit circle.
    """
    half_width = aspect / math.sqrt(1 + aspect * aspect)
    half_height = 1 / math.sqrt(1 + aspect * aspect)
    with torch.inference_mode(False):  # the cache may serve a training step later
        u_end, v_end = half_width * (width - 1) / width, half_height * (height - 1) / height
        u = torch.linspace(-u_end, u_end, width, device=device)
        v = torch.linspace(-v_end, v_end, height, device=device)
        return torch.stack(torch.meshgrid(u, v, indexing="xy"), -1)


class Projection(nn.Conv2d):
    """A 1x1 convolution applied to tokens, which lie with their channels last already."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__(width, out, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, n, width) to (B, n, out)."""
        return product(tokens.to(self.weight.dtype), self.weight.flatten(1), self.bias)


class Doubling(nn.Sequential):
    """Twice the resolution: a transposed convolution that also sees the plane, then a 3x3 one."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(channels + PLANE_CHANNELS, out, 2, 2), convolution(out, out)
        )

    def forward(self, image: Tensor, aspect: float) -> Tensor:  # type: ignore[override]
        """(B, channels, h, w), channels last in memory, to (B, out, 2h, 2w), likewise."""
        transposed, convolve = self
        assert isinstance(transposed, nn.ConvTranspose2d) and transposed.bias is not None
        _, channels, height, width = image.shape
        # Kernel and stride are both 2: each cell becomes four by one matrix product.
        weight = transposed.weight.permute(0, 2, 3, 1).flatten(1)
        plane = plane_coordinates(height, width, aspect, image.device).flatten(0, 1)
        # Positions are worth more digits than half precision has.
        offset = torch.addmm(transposed.bias.repeat(4).float(), plane, weight[channels:].float())
        cells = image.permute(0, 2, 3, 1).reshape(-1, height * width, channels)
        four = (cells @ weight[:channels]).add_(offset.to(weight.dtype))
        doubled = four.reshape(-1, height, width, 2, 2, transposed.out_channels).transpose(2, 3)
        doubled = doubled.reshape(-1, 2 * height, 2 * width, transposed.out_channels)
        return convolve(doubled.permute(0, 3, 1, 2))


class ResidualBlock(nn.Module):
    """Two normalised 3x3 convolutions around a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(1, channels),
            nn.ReLU(),
            convolution(channels, channels),
            nn.GroupNorm(max(channels // GROUP_CHANNELS, 1), channels),
            nn.ReLU(),
            convolution(channels, channels),
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return image + self.layers(image)


class Level(nn.Sequential):
    """A doubling and its residual blocks."""

    def __init__(self, channels: int, out: int) -> None:
        blocks = (ResidualBlock(out) for _ in range(RESIDUAL_BLOCKS))
        super().__init__(Doubling(channels, out), *blocks)

    def forward(self, image: Tensor, aspect: float) -> Tensor:  # type: ignore[override]
        """(B, channels, h, w) to (B, out, 2h, 2w)."""
        doubling, *blocks = self
        image = doubling(image, aspect)
        for block in blocks:
            image = block(image)
        return image


class Output(nn.Sequential):
    """The last convolutions, at full resolution, which see the plane once more."""

    def __init__(self, channels: int, last: int) -> None:
        super().__init__(
            convolution(channels + PLANE_CHANNELS, last),
            nn.ReLU(),
            nn.Conv2d(last, POINT_CHANNELS, 1),
        )

    def forward(self, image: Tensor, aspect: float) -> Tensor:  # type: ignore[override]
        """(B, channels, H, W) to (B, 4, H, W)."""
        first, activate, last = self
        assert isinstance(first, nn.Conv2d) and first.bias is not None
        channels = image.shape[1]
        plane = plane_coordinates(*image.shape[2:], aspect, image.device).permute(2, 0, 1)[None]
        # The plane's share is the same for all frames, and joining it to them would copy them.
        of_plane = first.weight[:, channels:].float()
        offset = functional.conv2d(padded(plane), of_plane, first.bias.float())
        image = functional.conv2d(padded(image), first.weight[:, :channels])
        return last(activate(image.add_(offset.to(image.dtype))).float())


class PointHead(nn.Module):
    """Two token maps of a frame to (X, Y, Z, confidence). (Section 7 of the description.)"""

    def __init__(self, config: PointHeadConfig, width: int) -> None:
        super().__init__()
        widths = (config.dim_proj, *config.dim_upsample)
        self.projects = nn.ModuleList(Projection(width, config.dim_proj) for _ in range(2))
        self.upsample_blocks = nn.ModuleList(
            Level(channels, out) for channels, out in itertools.pairwise(widths)
        )
        self.output_block = nn.ModuleList([Output(widths[-1], config.last_conv_channels)])
        # Weights in the layout of the activations, or every call would reorder them.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def products(self) -> list[nn.Module]:
        """What may be computed in half precision: all but the last layer, which answers."""
        (output,) = self.output_block
        first, *_ = output.children()
        return [self.projects, self.upsample_blocks, nn.ModuleList([first])]

    def forward(
        self, before_frames: Tensor, final: Tensor, grid: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Patch tokens (B, n, C) before the last attention within frames, and final ones.

        Returns points (B, H, W, 3) in the camera frame and confidence (B, H, W), above 1.
        """
        raw = self.raw(before_frames, final, grid)
        z = raw[:, 2].exp()
        points = torch.stack([raw[:, 0] * z, raw[:, 1] * z, z], -1)
        return points, 1 + raw[:, 3].exp()

    def raw(self, before_frames: Tensor, final: Tensor, grid: tuple[int, int]) -> Tensor:
        """(B, 4, H, W), before the activations."""
        height, width = grid[0] * PATCH_SIZE, grid[1] * PATCH_SIZE
        aspect = width / height
        tokens = self.projects[0](before_frames) + self.projects[1](final)
        image = tokens.unflatten(1, grid).permute(0, 3, 1, 2)
        for level in self.upsample_blocks:
            image = level(image, aspect)
        image = functional.interpolate(image, (height, width), mode="bilinear")
        return self.output_block[0](image, aspect)


def convolution(channels: int, out: int) -> nn.Conv2d:
    """3x3, the border repeated outwards."""
    return nn.Conv2d(channels, out, 3, padding=1, padding_mode="replicate")


def padded(image: Tensor) -> Tensor:
    """The border repeated outwards by one pixel."""
    return functional.pad(image, (1, 1, 1, 1), mode="replicate")
