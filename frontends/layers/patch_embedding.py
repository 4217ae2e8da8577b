"""Square patches of an image as tokens."""

from __future__ import annotations

from torch import Tensor, nn


class PatchEmbedding(nn.Module):
    """A convolution whose stride is its kernel; tokens come out row by row."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch_size, patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, H/patch * W/patch, width)."""
        return self.proj(image).flatten(2).transpose(1, 2)
