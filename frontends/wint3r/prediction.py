"""What WinT3R says of a window, and of a frame once all its windows have spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapper.frontends.wint3r.network import Decoded

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True, slots=True, eq=False)
class WindowOutput:
    """Everything that one window left behind.

    positions: the frame of each of the w slots, the last one repeated at the end of a sequence.
    first_slot: number of the first of them in the pool. tokens: (B, w, P, C) as decoded.
    pointmap: (B, w, H, W, 3) in the cameras' frames. confidence: (B, w, H, W), above 1.
    poses: raw, (iterations, B, n, 7) of the pool's newest n slots, w or more; on the CPU.
    """

    positions: tuple[int, ...]
    first_slot: int
    tokens: Float[Tensor, "b w p c"]
    decoded: Decoded
    pointmap: Float[Tensor, "b w h width 3"]
    confidence: Float[Tensor, "b w h width"]
    poses: Float[Tensor, "iterations b n 7"]

    @property
    def first_pose_slot(self) -> int:
        """Number in the pool of the slot that `poses` begins with."""
        return self.first_slot + len(self.positions) - self.poses.shape[2]


@dataclass(frozen=True, slots=True, eq=False)
class FramePrediction:
    """position: of the frame in its sequence, from 0. pointmap: (B, H, W, 3) in the camera frame.
    confidence: (B, H, W), above 1. poses: (iterations, B, 7), T_first_camera after each refinement
    as tx ty tz qx qy qz qw, not normalised, on the CPU. descriptor: (B, C_enc), the mean of the
    encoder's tokens.
    """

    position: int
    pointmap: Tensor
    confidence: Tensor
    poses: Tensor
    descriptor: Tensor


@dataclass(slots=True, eq=False)
class Candidate:
    """The best maps of one frame so far, and the slots it has had.

    Of all slots the one with the largest sum of confidence counts, the first on ties, for each
    sequence of the batch by itself. (Section 4 of the description.)
    """

    pointmap: Tensor
    confidence: Tensor
    slots: list[int]

    def consider(self, pointmap: Tensor, confidence: Tensor, slot: int) -> None:
        """Another slot of the same frame; maps as of a FramePrediction."""
        self.slots.append(slot)
        better = confidence.sum((1, 2)) > self.confidence.sum((1, 2))
        self.pointmap = torch.where(better[:, None, None, None], pointmap, self.pointmap)
        self.confidence = torch.where(better[:, None, None], confidence, self.confidence)
