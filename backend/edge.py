"""A relative pose between two keyframes, as the pose graph takes it."""

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
    """T_i_j: (4, 4), camera j in camera i, so T_world_j = T_world_i @ T_i_j at zero residual.

    information: (6, 6), inverse covariance of a right-multiplied twist, rotation first
    (rad, metres): T_i_j_true = T_i_j @ exp(twist).
    """

    i: int
    j: int
    T_i_j: np.ndarray
    information: np.ndarray
    kind: EdgeKind
