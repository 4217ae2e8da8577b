"""How noisy a reading of a structured-light depth camera is."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def depth_sigma(z):
    """Standard deviation [m] of a reading at depth z [m].

    Source: Nguyen, Izadi, Lovell, "Modeling Kinect sensor noise", 3DIMPVT 2012 (axial noise).
    """
    return np.float32(0.0012) + np.float32(0.0019) * (z - np.float32(0.4)) * (z - np.float32(0.4))


@njit(cache=True, nogil=True)
def depth_confidence(depth):
    """Confidence float32 (H, W): sigma(1 m)^2 / sigma(z)^2, 0 without a reading."""
    confidence = np.zeros(depth.shape, np.float32)
    unit = depth_sigma(np.float32(1.0)) ** 2
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            z = depth[row, column]
            if z > 0:
                confidence[row, column] = unit / depth_sigma(z) ** 2
    return confidence
