"""Two-dimensional rotary position embedding over a grid of tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

POSE_TOKEN_POSITION = -1  # both axes; the rotation is defined for negative positions as well


@dataclass(frozen=True, slots=True, eq=False)
class Rope2D:
    """Rotation tables of one set of positions, (n, head_dim), float32 unless asked otherwise.

    The first half of a head turns with y, the second with x; within a half, entry j turns with
    entry j + D/2. `sin` carries the sign of the pair, so a rotation is two products and a sum.
    rounding: type to which tokens are rounded before and after the turn; None = not at all.
    """

    cos: Tensor
    sin: Tensor
    rounding: torch.dtype | None = None

    @staticmethod
    def at(
        positions: Tensor,
        head_dim: int,
        base: float = 100.0,
        dtype: torch.dtype = torch.float32,
    ) -> Rope2D:
        """Tables for integer positions (n, 2) as (y, x); head_dim must be a multiple of 4.

        dtype: to which angles and tables are rounded, and in which `rotate` computes.
        """
        if head_dim % 4:
            raise ValueError(f"2D RoPE needs a head width divisible by 4, got {head_dim}")
        half = head_dim // 2
        steps = torch.arange(0, half, 2, dtype=torch.float32, device=positions.device)
        inverse_frequency = 1.0 / (base ** (steps / half))
        angle = (positions.float()[:, :, None] * inverse_frequency).to(dtype)  # (n, axis, D/2)
        # By products, not by joining tensors: that is forbidden for float16 under CPU autocast.
        pair = angle.new_tensor([[1.0], [1.0]])
        signs = angle.new_tensor([[-1.0], [1.0]])
        return Rope2D(
            (angle.cos()[:, :, None] * pair).flatten(1),
            (angle.sin()[:, :, None] * signs).flatten(1),
        )

    def rotate(self, tokens: Tensor) -> Tensor:
        """Turn (..., n, heads, head_dim); in the tables' type whatever that of the tokens."""
        if tokens.device.type == "cuda" and self.cos.dtype == torch.float32 and not self.rounding:
            return self._turned_in_place(tokens).to(tokens.dtype)
        x = tokens.to(self.rounding or tokens.dtype).to(self.cos.dtype)
        pairs = x.unflatten(-1, (2, 2, -1))
        if torch.is_autocast_enabled("cpu"):  # which forbids to join tensors of float16
            swapped = pairs.flip(-2).flatten(-3)
        else:
            swapped = torch.stack(pairs.unbind(-2)[::-1], -2).flatten(-3)  # a third of the time
        # Not fused: in half precision the rounding of each product is part of the result.
        turned = (x * self.cos[:, None]).add_(swapped.mul_(self.sin[:, None]))
        return turned.to(self.rounding or tokens.dtype).to(tokens.dtype)

    def _turned_in_place(self, tokens: Tensor) -> Tensor:
        """The same in float32 with three kernels: the pairs are not swapped, but read crosswise."""
        turned = tokens * self.cos[:, None]
        source, target, sin = (
            x.unflatten(-1, (2, 2, -1)) for x in (tokens, turned, self.sin[:, None])
        )
        for own, other in ((0, 1), (1, 0)):
            target[..., own, :].addcmul_(source[..., other, :], sin[..., own, :])
        return turned


def grid_positions(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """int64 (height * width, 2): (y, x) of row-major tokens."""
    rows = torch.arange(height, device=device)
    columns = torch.arange(width, device=device)
    return torch.cartesian_prod(rows, columns)


@cache  # for good: a CUDA graph may have been captured that reads them
def grid_rope(
    height: int,
    width: int,
    head_dim: int,
    pose_token: bool,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Rope2D:
    """Tables of an image grid, computed once a resolution; `pose_token` puts (-1, -1) in front."""
    with torch.inference_mode(False):  # the cache may serve a training step later
        positions = grid_positions(height, width, device)
        if pose_token:
            first = torch.full_like(positions[:1], POSE_TOKEN_POSITION)
            positions = torch.cat([first, positions])
        return Rope2D.at(positions, head_dim, dtype=dtype)


def state_grid(tokens: int, layout: str, device: torch.device | None = None) -> Tensor:
    """int64 (tokens, 2): positions (y, x) in rows of an even width for "2d", else the diagonal."""
    index = torch.arange(tokens, device=device)
    width = math.isqrt(tokens) + math.isqrt(tokens) % 2
    rows, columns = (index // width, index % width) if layout == "2d" else (index, index)
    return torch.stack([rows, columns], 1)


@cache  # for good: a CUDA graph may have been captured that reads them
def state_rope(tokens: int, layout: str, head_dim: int, device: torch.device) -> Rope2D | None:
    """Rotation tables of the state tokens; none for the layout "none"."""
    if layout == "none":
        return None
    with torch.inference_mode(False):
        return Rope2D.at(state_grid(tokens, layout, device), head_dim)
