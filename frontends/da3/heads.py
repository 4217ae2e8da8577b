"""The dense heads: depth with confidence and rays, or depth and sky.

Source: Ranftl et al., Vision Transformers for Dense Prediction, 2021, as Depth Anything 3 uses it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from mapper.frontends.da3.config import Da3Config
from mapper.frontends.layers.linear import PointwiseConv2d
from mapper.frontends.layers.map_positions import add_positions
from mapper.frontends.vggt.dpt import (
    CHUNK,
    HIDDEN,
    POSITION_SHARE,
    Dpt,
    DptSizes,
    FusionBlock,
    Outputs,
    PlainResidualUnit,
)

EPS: Final = 1e-5
RAYS: Final = 7  # direction, origin, confidence
LEVELS: Final = 4
AUX: Final = "_aux"  # what the names of the ray branch's layers end with
RAY_LEVEL: Final = 3  # of its outputs; the other three are stored, and nobody asks them


def sizes_of(config: Da3Config) -> DptSizes:
    """Of a network's head."""
    return DptSizes(
        config.head_width,
        config.head_features,
        config.head_out_channels,
        config.out_layers,
        config.patch_size,
    )


class Scratch(nn.Module):
    """The fusion's layers and the output's. outputs: channels of the latter."""

    def __init__(self, sizes: DptSizes, outputs: int) -> None:
        super().__init__()
        for number, channels in enumerate(sizes.channels, 1):
            level = nn.Conv2d(channels, sizes.features, 3, padding=1, bias=False)
            self.add_module(f"layer{number}_rn", level)
        self.add_chain(sizes.features)
        self.output_conv1 = nn.Conv2d(sizes.features, sizes.features // 2, 3, padding=1)
        self.output_conv2 = outputs_of(sizes.features // 2, outputs)

    def add_chain(self, features: int, chain: str = "") -> None:
        """Fusion blocks under names that end with `chain`."""
        for number in range(1, LEVELS + 1):
            block = FusionBlock(features, number < LEVELS, PlainResidualUnit)
            self.add_module(f"refinenet{number}{chain}", block)


class RayScratch(Scratch):
    """The same with the branch of rays."""

    def __init__(self, sizes: DptSizes) -> None:
        super().__init__(sizes, outputs=2)
        self.add_chain(sizes.features, AUX)
        middle = sizes.features // 2
        widths = (sizes.features, middle, sizes.features, middle, sizes.features, middle)
        self.output_conv1_aux = nn.ModuleList(
            nn.Sequential(*(nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths)))
            for _ in range(LEVELS)
        )
        self.output_conv2_aux = nn.ModuleList(
            RayOutputs(middle, normed=level == 0) for level in range(LEVELS)
        )


class RayOutputs(nn.Module):
    """Convolution, norm, activation, answer. The norm is one for all levels: the first owns it."""

    def __init__(self, channels: int, normed: bool) -> None:
        super().__init__()
        self.add_module("0", nn.Conv2d(channels, HIDDEN, 3, padding=1))
        if normed:
            self.add_module("2", nn.LayerNorm(HIDDEN, eps=EPS))
        self.add_module("5", PointwiseConv2d(HIDDEN, RAYS))

    def forward(self, image: Tensor, norm: nn.Module) -> Tensor:
        """(N, channels, h, w) to (N, RAYS, h, w)."""
        hidden = self.get_submodule("0")(image).float().permute(0, 2, 3, 1)
        hidden = norm(hidden).relu_().permute(0, 3, 1, 2)
        return self.get_submodule("5")(hidden)


def outputs_of(channels: int, outputs: int) -> Outputs:
    """The last two convolutions."""
    return Outputs(
        nn.Conv2d(channels, HIDDEN, 3, padding=1),
        nn.ReLU(inplace=True),
        PointwiseConv2d(HIDDEN, outputs),
    )


class DualHead(Dpt):
    """Depth and its confidence, and rays where they are asked for."""

    def __init__(self, config: Da3Config) -> None:
        sizes = sizes_of(config)
        super().__init__(sizes, 2, RayScratch(sizes))

    def placed(self, image: Tensor, aspect: float) -> Tensor:
        """With the positional map, computed in float32."""
        return add_positions(image, aspect, POSITION_SHARE, torch.float32)

    def both(self, taps: Mapping[int, Tensor], grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Logits (N, 2, H, W) of depth and confidence, and (N, 7, 8 h, 8 w) of rays.

        taps: (N, h w, D) of a layer each.
        """
        count = len(next(iter(taps.values())))
        depths, rays = [], []
        for at in range(0, count, CHUNK):
            levels = [taps[layer][at : at + CHUNK] for layer in self.sizes.taps]
            maps = self.reduced(levels, grid)
            depths.append(self.scratch.output_conv2(self.enlarged(self.fused(maps), grid)))
            rays.append(self.rays(self.fused(maps, AUX)))
        return torch.cat(depths), torch.cat(rays)

    def rays(self, image: Tensor) -> Tensor:
        """Logits of rays from the fused map, at its size."""
        image = self.scratch.output_conv1_aux[RAY_LEVEL](image)
        image = self.placed(image, image.shape[-1] / image.shape[-2])
        outputs = self.scratch.output_conv2_aux
        return outputs[RAY_LEVEL](image, outputs[0].get_submodule("2"))

    @property
    def products(self) -> list[nn.Module]:
        """What may be computed in half precision: all but the last layers, which answer."""
        kept = [layer for name, layer in self.scratch.named_children() if name != "output_conv2"]
        kept = [layer for layer in kept if layer is not self.scratch.output_conv2_aux]
        kept.append(self.scratch.output_conv2[0])
        return [nn.ModuleList(kept), self.projects, self.resize_layers]


class SkyHead(Dpt):
    """Depth and sky of single views, without norm and positional map."""

    def __init__(self, config: Da3Config) -> None:
        sizes = sizes_of(config)
        scratch = Scratch(sizes, outputs=1)
        scratch.add_module("sky_output_conv2", outputs_of(sizes.features // 2, 1))
        super().__init__(sizes, 1, scratch)
        self.norm = nn.Identity()

    def placed(self, image: Tensor, aspect: float) -> Tensor:
        """As it is."""
        return image

    def both(self, taps: Mapping[int, Tensor], grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Logits (N, 1, H, W) of depth, and of sky."""
        count = len(next(iter(taps.values())))
        depths, skies = [], []
        for at in range(0, count, CHUNK):
            levels = [taps[layer][at : at + CHUNK] for layer in self.sizes.taps]
            image = self.enlarged(self.fused(self.reduced(levels, grid)), grid)
            depths.append(self.scratch.output_conv2(image))
            skies.append(self.scratch.sky_output_conv2(image))
        return torch.cat(depths), torch.cat(skies)
