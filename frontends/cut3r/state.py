"""What CUT3R is given of a frame, remembers between frames, and says of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32


@dataclass(frozen=True, slots=True, eq=False)
class StreamInput:
    """One time step of a batch of sequences.

    Ray maps are shown where known_poses asks for it; the recorded run cut3r_raymap_recurrent_dpt
    proves that the network takes them as published.

    image: (B, 3, H, W) in [-1, 1]; rows where image_mask is false may hold anything, NaN included.
    ray_map: (B, H, W, 6), per pixel ray origin then direction in the world; likewise ray_mask.
    update: (B,) permission to write state and memory. reset: (B,) back to the initial state after
    this frame. Masks are bool on the CPU; None means: image yes, ray map no, update yes, reset no.
    """

    image: Float32[Tensor, "b 3 h w"] | None = None
    ray_map: Float32[Tensor, "b h w 6"] | None = None
    image_mask: Bool[Tensor, " b"] | None = None
    ray_mask: Bool[Tensor, " b"] | None = None
    update: Bool[Tensor, " b"] | None = None
    reset: Bool[Tensor, " b"] | None = None

    @property
    def batch(self) -> int:
        """How many sequences are seen at once."""
        return self._shape()[0]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self._shape()[1:]

    @property
    def has_image(self) -> Tensor:
        """(B,) bool."""
        if self.image is None:
            return torch.zeros(self.batch, dtype=torch.bool)
        return self._mask(self.image_mask, default=True)

    @property
    def has_rays(self) -> Tensor:
        """(B,) bool. A ray map counts only where the mask says so, or alone without an image."""
        if self.ray_map is None:
            return torch.zeros(self.batch, dtype=torch.bool)
        return self._mask(self.ray_mask, default=self.image is None)

    @property
    def permission(self) -> Tensor:
        """(B,) bool: whether this frame may write. A frame without an image never does."""
        return self.has_image & self._mask(self.update, default=True)

    @property
    def resets(self) -> Tensor:
        """(B,) bool."""
        return self._mask(self.reset, default=False)

    def _shape(self) -> tuple[int, int, int]:
        if self.image is not None:
            return self.image.shape[0], self.image.shape[2], self.image.shape[3]
        if self.ray_map is not None:
            return self.ray_map.shape[0], self.ray_map.shape[1], self.ray_map.shape[2]
        raise ValueError("a view needs an image or a ray map")

    def _mask(self, mask: Tensor | None, default: bool) -> Tensor:
        if mask is None:
            return torch.full((self.batch,), default, dtype=torch.bool)
        return mask.reshape(self.batch).bool().cpu()


@dataclass(frozen=True, slots=True, eq=False)
class Cut3rState:
    """Everything that a frame leaves to the next one; constant in size.

    tokens: (B, S, C) recurrent state. memory: (B, M, 2C) pose memory. candidate: (B, S, C) what the
    state decoder last proposed, before its gate, and features: (B, n, C_enc) the last frame's
    encoder tokens: both None before the first frame. learned_pose: (B,) the next frame starts from
    the learned pose token rather than from the memory. plain_gate: (B,) the next frame replaces the
    state whatever the update rule. The masks live on the CPU. rule: what the update rule remembers,
    each (B, ...); empty before the first frame, and always for a rule without a memory.
    """

    tokens: Float[Tensor, "b s c"]
    memory: Float[Tensor, "b m c2"]
    candidate: Float[Tensor, "b s c"] | None
    features: Float[Tensor, "b n c_enc"] | None
    learned_pose: Bool[Tensor, " b"]
    plain_gate: Bool[Tensor, " b"]
    rule: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Cut3rPrediction:
    """What the network says of one time step.

    pointmap: (B, H, W, 3) in the camera frame. confidence: (B, H, W), above 1. pose: (B, 7) of the
    camera in the world, translation then quaternion wxyz, w >= 0. pointmap_world and
    confidence_world: the cross-view head, in the first frame's camera; rgb: (B, H, W, 3) in
    [-1, 1]. The last three are None unless asked for. descriptor: (B, C_enc), the mean of the
    encoder tokens.
    """

    pointmap: Float[Tensor, "b h w 3"]
    confidence: Float[Tensor, "b h w"]
    pose: Float[Tensor, "b 7"]
    descriptor: Float[Tensor, "b c"]
    pointmap_world: Float[Tensor, "b h w 3"] | None = None
    confidence_world: Float[Tensor, "b h w"] | None = None
    rgb: Float[Tensor, "b h w 3"] | None = None
