"""How noisy a depth reading is: by depth cameras measured, by networks predicted."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True, slots=True)
class DepthNoise:
    """Standard deviation at depth z: floor + relative * z + quadratic * (z - 0.4)^2.

    floor: units of the map. relative: share of the depth. quadratic: per unit.
    """

    floor: float
    relative: float
    quadratic: float

    @property
    def is_measured(self) -> bool:
        """By a depth camera, whose error does not grow in proportion to the depth."""
        return self.relative == 0.0

    @property
    def coefficients(self) -> np.ndarray:
        """float32 (3,), for depth_sigma."""
        return np.array(astuple(self), np.float32)

    def sigma(self, depth: float) -> float:
        """Standard deviation at one depth."""
        return float(depth_sigma(np.float32(depth), self.coefficients))


# Nguyen, Izadi, Lovell, "Modeling Kinect sensor noise", 3DIMPVT 2012 (axial noise), metres.
STRUCTURED_LIGHT = DepthNoise(0.0012, 0.0, 0.0019)
# What feed-forward networks reach indoors, against the scene around: their own confidence says
# where it is worse. A share of the depth, because most of them do not know the unit.
LEARNED = DepthNoise(0.0, 0.012, 0.0)


@njit(cache=True, nogil=True, inline="always")
def depth_sigma(z, noise):
    """Standard deviation of a reading at depth z. noise: float32 (3,), see DepthNoise."""
    near = z - np.float32(0.4)
    return noise[0] + noise[1] * z + noise[2] * near * near


@njit(cache=True, nogil=True)
def depth_confidence(depth, noise):
    """Confidence float32 (H, W): sigma(1)^2 / sigma(z)^2, 0 without a reading."""
    confidence = np.zeros(depth.shape, np.float32)
    unit = depth_sigma(np.float32(1.0), noise) ** 2
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            z = depth[row, column]
            if z > 0:
                confidence[row, column] = unit / depth_sigma(z, noise) ** 2
    return confidence
