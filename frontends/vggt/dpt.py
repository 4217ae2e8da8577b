"""The dense heads: four layers' patch tokens, fused from coarse to fine, as maps of the image.

Source: Ranftl et al., Vision Transformers for Dense Prediction, 2021, as VGGT changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.layers.convolution_pair import ConvolutionPair
from mapper.frontends.layers.linear import PointwiseConv2d, product
from mapper.frontends.layers.map_positions import add_positions
from mapper.frontends.vggt.config import Levels, VggtConfig

EPS = 1e-5
HIDDEN = 32  # channels before the last convolution
POSITION_SHARE = 0.1
CHUNK = 8  # frames at a time in long batches, to bound the memory


@dataclass(frozen=True, slots=True)
class DptSizes:
    """width: of the tapped tokens. taps: their layers. patch_size: in pixels."""

    width: int
    features: int
    channels: Levels
    taps: Levels
    patch_size: int

    @staticmethod
    def dense(config: VggtConfig) -> DptSizes:
        """Of the depth and point heads."""
        return DptSizes(
            2 * config.embed_dim,
            config.dpt_features,
            config.dpt_out_channels,
            config.dpt_layer_idx,
            config.patch_size,
        )

    @staticmethod
    def tracking(config: VggtConfig) -> DptSizes:
        """Of the track head's feature extractor."""
        assert config.track is not None
        track = config.track
        return DptSizes(
            2 * config.embed_dim,
            track.dpt_features,
            track.dpt_out_channels,
            track.dpt_layer_idx,
            config.patch_size,
        )


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with the corners aligned."""
    if image.shape[-2:] == size:
        return image
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=True)


class ResidualUnit(ConvolutionPair):
    """Two 3x3 convolutions around a skip that is rectified, as the network was trained."""

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, h, w) to the same."""
        image = image.relu()
        return self.conv2(self.conv1(image).relu_()).add_(image)


class PlainResidualUnit(ConvolutionPair):
    """The same around a skip that stays as it is."""

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, h, w) to the same."""
        return self.conv2(self.conv1(image.relu()).relu_()).add_(image)


class FusionBlock(nn.Module):
    """Adds a finer level to the coarse path and resizes to the next; the coarsest has no skip."""

    def __init__(
        self, channels: int, skip: bool = True, unit: type[ConvolutionPair] = ResidualUnit
    ) -> None:
        super().__init__()
        self.out_conv = PointwiseConv2d(channels, channels)
        if skip:
            self.resConfUnit1 = unit(channels)
        self.resConfUnit2 = unit(channels)

    def forward(self, path: Tensor, size: tuple[int, int], skip: Tensor | None = None) -> Tensor:
        """path and skip (N, C, h, w) to (N, C, *size)."""
        if skip is not None:
            path = path + self.resConfUnit1(skip)
        # A 1x1 convolution commutes with interpolation, whose weights sum to one: a quarter of
        # the work when it goes first.
        return resized(self.out_conv(self.resConfUnit2(path)), size)


class Outputs(nn.Sequential):
    """A convolution, its activation, and the layer that answers, in float32 always."""

    def forward(self, image: Tensor) -> Tensor:
        """(N, middle, H, W) to (N, outputs, H, W)."""
        first, activate, last = self
        return last(activate(first(image)).float())


class Scratch(nn.Module):
    """The fusion's layers, and the output's: none of the latter's second where `outputs` is 0."""

    def __init__(self, sizes: DptSizes, outputs: int) -> None:
        super().__init__()
        features = sizes.features
        for number, channels in enumerate(sizes.channels, 1):
            level = nn.Conv2d(channels, features, 3, padding=1, bias=False)
            self.add_module(f"layer{number}_rn", level)
        self.refinenet1 = FusionBlock(features)
        self.refinenet2 = FusionBlock(features)
        self.refinenet3 = FusionBlock(features)
        self.refinenet4 = FusionBlock(features, skip=False)
        middle = features // 2 if outputs else features
        self.output_conv1 = nn.Conv2d(features, middle, 3, padding=1)
        if outputs:
            self.output_conv2 = Outputs(
                nn.Conv2d(middle, HIDDEN, 3, padding=1),
                nn.ReLU(inplace=True),
                PointwiseConv2d(HIDDEN, outputs),
            )


class Dpt(nn.Module):
    """One head. outputs: channels of its maps, at the image's size; 0: features at half of it.

    scratch: the layers of the fusion and of the output, where they are not those of VGGT.
    """

    def __init__(self, sizes: DptSizes, outputs: int, scratch: nn.Module | None = None) -> None:
        super().__init__()
        self.sizes, self.outputs = sizes, outputs
        first, second, _third, fourth = sizes.channels
        # One for all four levels.
        self.norm: nn.Module = nn.LayerNorm(sizes.width, eps=EPS)
        self.projects = nn.ModuleList(PointwiseConv2d(sizes.width, c) for c in sizes.channels)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, 4),
                nn.ConvTranspose2d(second, second, 2, 2),
                nn.Identity(),
                nn.Conv2d(fourth, fourth, 3, 2, 1),
            ]
        )
        self.scratch: Any = Scratch(sizes, outputs) if scratch is None else scratch

    @property
    def products(self) -> list[nn.Module]:
        """What may be computed in half precision: all but the last layer, which answers."""
        scratch = [layer for name, layer in self.scratch.named_children() if name != "output_conv2"]
        if self.outputs:
            scratch.append(self.scratch.output_conv2[0])
        return [nn.ModuleList(scratch), self.projects, self.resize_layers]

    def forward(self, taps: Mapping[int, Tensor], grid: tuple[int, int]) -> Tensor:
        """taps: (N, h * w, 2C) of a layer each, patches only; returns (N, channels, H, W)."""
        frames = len(next(iter(taps.values())))
        chunks = [
            self._chunk([taps[layer][at : at + CHUNK] for layer in self.sizes.taps], grid)
            for at in range(0, frames, CHUNK)
        ]
        return chunks[0] if len(chunks) == 1 else torch.cat(chunks)

    def _chunk(self, levels: list[Tensor], grid: tuple[int, int]) -> Tensor:
        if self.outputs:
            # The fused map gets no name here: it is let go of before its enlargement is made.
            return self.scratch.output_conv2(
                self.enlarged(self.fused(self.reduced(levels, grid)), grid)
            )
        height, width = (side * self.sizes.patch_size for side in grid)
        image = self.scratch.output_conv1(self.fused(self.reduced(levels, grid)))
        return resized(image, (height // 2, width // 2))

    def enlarged(self, image: Tensor, grid: tuple[int, int]) -> Tensor:
        """The fused map at the image's size, as the output's layers take it."""
        height, width = (side * self.sizes.patch_size for side in grid)
        image = self.scratch.output_conv1(image)
        return self.placed(resized(image, (height, width)), width / height)

    def reduced(self, levels: list[Tensor], grid: tuple[int, int]) -> list[Tensor]:
        """Tokens of the four taps as maps of as many channels, finest first."""
        return [
            getattr(self.scratch, f"layer{k + 1}_rn")(self.level(k, tokens, grid))
            for k, tokens in enumerate(levels)
        ]

    def level(self, number: int, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Tokens of one tap as a map at its own scale: 4, 2, 1, and one half of the grid."""
        # Channels stay last in memory from here to the output: tokens lie so already, and both
        # convolutions and interpolation are faster that way (the latter tenfold on a CPU).
        image = self.norm(tokens).unflatten(1, grid).permute(0, 3, 1, 2)
        image = self.placed(self.projects[number](image), grid[1] / grid[0])
        layer = self.resize_layers[number]
        return unfolded(layer, image) if isinstance(layer, nn.ConvTranspose2d) else layer(image)

    def fused(self, levels: list[Tensor], chain: str = "") -> Tensor:
        """Four maps, finest first, as one of twice the finest one's size.

        chain: what the names of its layers end with, in a head that has several.
        """
        one, two, three, four = levels
        first, second, third, fourth = (
            getattr(self.scratch, f"refinenet{number}{chain}") for number in range(1, 5)
        )
        path = fourth(four, three.shape[-2:])
        path = third(path, two.shape[-2:], three)
        path = second(path, one.shape[-2:], two)
        height, width = one.shape[-2:]
        return first(path, (2 * height, 2 * width), one)

    def placed(self, image: Tensor, aspect: float) -> Tensor:
        """With the positional map, which the feature extractor of the tracks goes without."""
        if not self.outputs:
            return image
        return add_positions(image, aspect, POSITION_SHARE)


def unfolded(layer: nn.ConvTranspose2d, image: Tensor) -> Tensor:
    """A transposed convolution whose stride is its kernel: one matrix product, pixels spread out.

    (N, C, h, w) to (N, C', k h, k w); several times faster than the general kernel on a CPU.
    """
    side = layer.kernel_size[0]
    weight = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (k * k * C', C)
    spread = product(image.permute(0, 2, 3, 1), weight)
    spread = spread.unflatten(-1, (side, side, -1)).transpose(2, 3)  # (N, h, k, w, k, C')
    assert layer.bias is not None
    return (spread + layer.bias).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def points_inv_log(raw: Tensor) -> Tensor:
    """sign(y) * (exp(|y|) - 1)."""
    return raw.sign() * torch.expm1(raw.abs())


def confidence_exp(raw: Tensor) -> Tensor:
    """1 + exp(y)."""
    return 1 + raw.exp()
