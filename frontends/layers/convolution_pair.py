"""The two convolutions of a residual unit of dense heads."""

from __future__ import annotations

from torch import nn


class ConvolutionPair(nn.Module):
    """Two 3x3 convolutions; what stands around them differs from network to network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
