"""A relative similarity between two keyframes, as the pose graph takes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class EdgeKind(StrEnum):
    """odometry: the frontend's own chain. overlap: two segments share a frame, so the camera is
    the same. Both are trusted; the others may be wrong and are robustified."""

    ODOMETRY = "odometry"
    OVERLAP = "overlap"
    COVISIBILITY = "covisibility"
    LOOP = "loop"

    @property
    def is_trusted(self) -> bool:
        return self in (EdgeKind.ODOMETRY, EdgeKind.OVERLAP)


@dataclass(frozen=True, slots=True)
class Edge:
    """S_i_j: (4, 4), keyframe j in keyframe i, so S_world_j = S_world_i @ S_i_j at zero residual.

    Its scale is what j's depths must be multiplied by to be in i's units; 1 between metric ones.
    information: (7, 7), inverse covariance of a right-multiplied tangent vector: rotation [rad],
    translation [units of j], log scale; S_i_j_true = S_i_j @ exp(xi). Where scales are held only
    its first six rows and columns count.
    """

    i: int
    j: int
    S_i_j: np.ndarray
    information: np.ndarray
    kind: EdgeKind

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.S_i_j).all() and np.isfinite(self.information).all())
