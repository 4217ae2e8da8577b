"""Where else an alignment may lie, in the direction that the views know least.

Residuals alone do not tell: noise turns normals and makes gradients, and steps of a quantised depth
lie alike in both views, so that a wall seems to hold a camera that slides along it. So the source
is shifted that way, to see whether it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import exp_se3, inverse
from mapper.core.sim3 import log_sim3
from mapper.vision.alignment_evidence import Comparison
from mapper.vision.dense_alignment import (
    INDEPENDENT_RESIDUALS,
    Alignment,
    AlignmentConfig,
    align,
)
from mapper.vision.depth_pyramid import DepthPyramid

if TYPE_CHECKING:
    from jaxtyping import Float64

# Deviations, of a rotation in radians or of a motion by the scene's depth: what is claimed to be
# known better than the first is more than noise can feign.
CLAIMED: Final = 0.0025
SHIFT: Final = 0.03  # of the source, in the same unit, and no less than SHIFT_SIGMAS
SHIFT_SIGMAS: Final = 3.0
RETURNED: Final = 0.5  # of the shift: what ends nearer has come back
LEVEL: Final = 1  # of the pyramids, the finest that is aligned to see that


@dataclass(frozen=True, slots=True)
class Weakest:
    """The direction that an alignment knows least. unit: (6,), what a rotation by a radian, or a
    motion by the scene's depth, is in radians and metres. direction: (6,), in that unit, of length
    one. sigma: claimed, in that unit."""

    unit: Float64[np.ndarray, " 6"]
    direction: Float64[np.ndarray, " 6"]
    sigma: float

    @property
    def is_doubtful(self) -> bool:
        """Whether noise might feign as much."""
        return self.sigma > CLAIMED

    @property
    def shift(self) -> float:
        """By which the source is shifted, in that unit."""
        return max(SHIFT, SHIFT_SIGMAS * self.sigma)

    def is_beyond(self, T: np.ndarray, other: np.ndarray) -> bool:
        """Whether two poses (4, 4) are further apart than what has come back."""
        return float(np.linalg.norm(self.between(T, other))) > RETURNED * self.shift

    def between(self, T: np.ndarray, other: np.ndarray) -> Float64[np.ndarray, " 6"]:
        """The twist from the one to the other, in that unit."""
        return np.asarray(log_sim3(other @ inverse(T))[:6] / self.unit)


def weakest_of(aligned: Alignment, typical_depth: float) -> Weakest:
    """typical_depth: of the scene."""
    unit = np.array([1.0] * 3 + [max(typical_depth, 1e-3)] * 3)
    independent = INDEPENDENT_RESIDUALS / max(aligned.inliers, 1)
    H = aligned.information[:6, :6] * independent * unit * unit[:, None]
    known, directions = np.linalg.eigh(H)
    return Weakest(unit, directions[:, 0], 1.0 / float(np.sqrt(max(known[0], 1.0))))


@dataclass(frozen=True, slots=True)
class Beside:
    """Where a shifted source came to rest. score: see Evidence."""

    T_reference_source: np.ndarray
    score: float


def beside(
    views: tuple[DepthPyramid, DepthPyramid],
    compared: Comparison,
    T_reference_source: np.ndarray,
    weakest: Weakest,
    config: AlignmentConfig,
) -> list[Beside]:
    """Where the source ends that is shifted either way along the weakest direction, if that is not
    where it was."""
    coarse = replace(config, finest_level=max(LEVEL, config.finest_level))
    twist = weakest.unit * weakest.direction * weakest.shift
    found = []
    for each in (twist, -twist):
        aligned = align(*views, exp_se3(each) @ T_reference_source, coarse)
        T = aligned.S_reference_source
        if aligned.inliers and weakest.is_beyond(T_reference_source, T):
            found.append(Beside(T, compared.score(T)))
    return found
