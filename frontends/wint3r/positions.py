"""Rotary positions of WinT3R's tokens, in the two precisions that its encoder is known in."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import torch

from mapper.frontends.layers.rope import Rope2D, grid_positions, grid_rope


class RotaryPrecision(StrEnum):
    """How the encoder turns queries and keys; the decoders always do so in float32.

    KERNEL: float16 in and out, float32 in between, as the compiled kernel that the authors ship.
    FALLBACK: float16 throughout, angles included, as where that kernel is absent; what recorded
    runs hold. (Section 2.1 of the description.)
    """

    KERNEL = "kernel"
    FALLBACK = "fallback"


def encoder_rope(
    grid: tuple[int, int], head_dim: int, device: torch.device, precision: RotaryPrecision
) -> Rope2D:
    """Tables of one image's patches, from (0, 0)."""
    if precision == RotaryPrecision.FALLBACK:
        return grid_rope(*grid, head_dim, False, device, torch.float16)
    exact = grid_rope(*grid, head_dim, False, device)
    return Rope2D(exact.cos, exact.sin, rounding=torch.float16)


def frame_positions(grid: tuple[int, int], device: torch.device | None = None) -> torch.Tensor:
    """int64 (1 + h * w, 2): the camera token at (0, 0), the patches from (1, 1)."""
    patches = grid_positions(*grid, device) + 1
    return torch.cat([torch.zeros_like(patches[:1]), patches])


@cache  # for good: a CUDA graph may have been captured that reads them
def window_rope(grid: tuple[int, int], frames: int, head_dim: int, device: torch.device) -> Rope2D:
    """Tables of the tokens of several frames in a row; positions do not tell the frames apart."""
    with torch.inference_mode(False):  # the cache may serve a training step later
        return Rope2D.at(frame_positions(grid, device).repeat(frames, 1), head_dim)
