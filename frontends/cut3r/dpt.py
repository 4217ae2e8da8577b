"""Dense prediction from tokens of four depths: reassembly, coarse-to-fine fusion, output layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mapper.frontends.cut3r.config import DptConfig
from mapper.frontends.layers.convolution_pair import ConvolutionPair
from mapper.frontends.layers.linear import product


def upsampled(image: Tensor) -> Tensor:
    """Twice the size, bilinear with the corners aligned."""
    return functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=True)


class ResidualUnit(ConvolutionPair):
    """Two 3x3 convolutions around a skip connection."""

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return image + self.conv2(functional.relu(self.conv1(functional.relu(image))))


class FusionBlock(nn.Module):
    """Adds a finer level to the coarse path and doubles the resolution.

    The block of the coarsest level has no skip; its resConfUnit1 only exists in checkpoints.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(channels, channels, 1)
        self.resConfUnit1 = ResidualUnit(channels)
        self.resConfUnit2 = ResidualUnit(channels)

    def forward(self, path: Tensor, skip: Tensor | None = None) -> Tensor:
        """path and skip (B, C, h, w); returns (B, C, 2h, 2w)."""
        if skip is not None:
            path = path + self.resConfUnit1(skip)
        # A 1x1 convolution commutes with interpolation, whose weights sum to one: a quarter of
        # the work when it goes first.
        return upsampled(self.out_conv(self.resConfUnit2(path)))


class Reassemble(nn.Sequential):
    """Tokens of one depth as a feature map of one level; the layers are those of the checkpoint."""

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:  # type: ignore[override]
        """tokens (B, h * w, C) to (B, layer_dim, h', w')."""
        project, *rescale = self
        assert isinstance(project, nn.Conv2d)
        image = product(tokens.to(project.weight.dtype), project.weight.flatten(1), project.bias)
        # Channels stay last in memory from here to the output: tokens lie so already, and both
        # convolutions and interpolation are faster that way (the latter tenfold on a CPU).
        image = image.unflatten(1, grid).permute(0, 3, 1, 2)
        for layer in rescale:
            image = layer(image)
        return image


class Scratch(nn.Module):
    """The fusion's layers. `layerK_rn` and `layer_rn.{K-1}` are one tensor under two names."""

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        levels = [
            nn.Conv2d(width, config.feature_dim, 3, padding=1, bias=False)
            for width in config.layer_dims
        ]
        for number, level in enumerate(levels, 1):
            self.add_module(f"layer{number}_rn", level)
        self.layer_rn = nn.ModuleList(levels)
        self.refinenet1 = FusionBlock(config.feature_dim)
        self.refinenet2 = FusionBlock(config.feature_dim)
        self.refinenet3 = FusionBlock(config.feature_dim)
        self.refinenet4 = FusionBlock(config.feature_dim)


class Dpt(nn.Module):
    """One dense head: (B, channels, 16 h, 16 w) from the tokens of an h x w grid."""

    def __init__(
        self, config: DptConfig, encoder_width: int, decoder_width: int, channels: int
    ) -> None:
        super().__init__()
        self.scratch = Scratch(config)
        self.head = nn.Sequential(
            nn.Conv2d(config.feature_dim, config.last_dim, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            nn.Conv2d(config.last_dim, config.last_dim, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(config.last_dim, channels, 1),
        )
        a, b, c, d = config.layer_dims
        self.act_postprocess = nn.ModuleList(
            [
                Reassemble(nn.Conv2d(encoder_width, a, 1), nn.ConvTranspose2d(a, a, 4, 4)),
                Reassemble(nn.Conv2d(decoder_width, b, 1), nn.ConvTranspose2d(b, b, 2, 2)),
                Reassemble(nn.Conv2d(decoder_width, c, 1)),
                Reassemble(nn.Conv2d(decoder_width, d, 1), nn.Conv2d(d, d, 3, 2, padding=1)),
            ]
        )
        # Weights in the layout of the activations, or every call would reorder them.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def products(self) -> list[nn.Module]:
        """What may be computed in half precision: all but the last layer, which answers."""
        return [self.scratch, self.act_postprocess, self.head[:-1]]

    def forward(self, tokens: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """tokens: four of (B, h * w, C), shallow to deep."""
        levels = [
            narrow(reassemble(level, grid))
            for narrow, reassemble, level in zip(
                self.scratch.layer_rn, self.act_postprocess, tokens, strict=True
            )
        ]
        path = self.scratch.refinenet4(levels[3])
        # The stride of the coarsest level rounds odd grids up.
        path = path[..., : levels[2].shape[2], : levels[2].shape[3]]
        path = self.scratch.refinenet3(path, levels[2])
        path = self.scratch.refinenet2(path, levels[1])
        path = self.scratch.refinenet1(path, levels[0])
        *convolutions, last = self.head
        for layer in convolutions:
            path = layer(path)
        return last(path.float())
