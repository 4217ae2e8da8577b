"""How noisy a depth reading is: by depth cameras measured, by networks predicted."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

ROOM: Final = 5.0  # units: a depth camera's range, and no network's is less
MEDIANS: Final = 2.5  # of a network's median depth; with that at the 2 m of a room it sees the ROOM
NEAREST: Final = 0.4  # units, where the quadratic part begins
STEP: Final = 4  # every 4th pixel a side tells the median


@dataclass(frozen=True, slots=True)
class DepthNoise:
    """Standard deviation at depth z: floor + relative * z + quadratic * (z - NEAREST)^2.

    floor: units of the map. relative: share of the depth. quadratic: per unit.
    """

    floor: float
    relative: float
    quadratic: float

    @classmethod
    def of_powers(cls, constant: float, linear: float, square: float) -> DepthNoise:
        """The noise constant + linear * z + square * z^2."""
        return cls(constant - square * NEAREST**2, linear + 2 * square * NEAREST, square)

    @property
    def is_measured(self) -> bool:
        """By a depth camera. A network's error is in proportion to the depth, and nothing else."""
        return self.floor != 0.0 or self.quadratic != 0.0

    @property
    def coefficients(self) -> Float32[np.ndarray, " 3"]:
        """float32 (3,), for depth_sigma."""
        return np.array(astuple(self), np.float32)

    def times(self, factor: float) -> DepthNoise:
        """The noise whose deviation is that many times this one's."""
        return DepthNoise(factor * self.floor, factor * self.relative, factor * self.quadratic)

    def sigma(self, depth: float) -> float:
        """Standard deviation at one depth."""
        return float(depth_sigma(np.float32(depth), self.coefficients))

    def depth_at(self, sigma: float) -> float:
        """Depth beyond which a measured reading deviates by more than this."""
        least = self.floor + self.relative * NEAREST
        if not self.quadratic:
            return NEAREST + (sigma - least) / self.relative if self.relative else float("inf")
        left = max(sigma - least, 0.0)
        # Not by a difference of roots: an estimated quadratic part may be next to nothing.
        root = float(np.sqrt(self.relative**2 + 4 * self.quadratic * left))
        return NEAREST + 2 * left / (self.relative + root) if left else NEAREST


# Nguyen, Izadi, Lovell, "Modeling Kinect sensor noise", 3DIMPVT 2012 (axial noise), metres.
STRUCTURED_LIGHT = DepthNoise(0.0012, 0.0, 0.0019)
# Random and systematic error together, as neither the other frames nor the other views average the
# latter out: below 11 mm up to 3.5 m and 17 mm at the end of the range (Tolgyessy, Dekan, Chovanec,
# Hubinsky, "Evaluation of the Azure Kinect and its comparison to Kinect v1 and Kinect v2", Sensors
# 2021). The Kinect v2 is alike (Kurillo et al., "Evaluating the accuracy of the Azure Kinect and
# Kinect v2", Sensors 2022).
TIME_OF_FLIGHT = DepthNoise(0.0015, 0.0015, 0.0004)
# The disparity's error over focal length and baseline, times z^2 (Grunnet-Jepsen, Sweetser,
# Woodfill, "Best-known-methods for tuning Intel RealSense D400 depth cameras for best performance",
# 2018): 0.08 pixels, and a D435 at 848x480 with 424 pixels and 50 mm.
STEREO = DepthNoise.of_powers(0.001, 0.0, 0.08 / (424 * 0.05))
# 1 cm on what is 1 m away, and about 1 % beyond (Luetzenburg, Kroon, Bjork, "Evaluation of the
# Apple iPhone 12 Pro LiDAR for an application in geosciences", Scientific Reports 2021).
LIDAR = DepthNoise(0.003, 0.008, 0.0)

NOISE_BY_KIND: Final[dict[CameraKind, DepthNoise]] = {
    "structured-light": STRUCTURED_LIGHT,
    "time-of-flight": TIME_OF_FLIGHT,
    "stereo": STEREO,
    "lidar": LIDAR,
}
# What feed-forward networks reach indoors, against the scene around: their own confidence says
# where it is worse. A share of the depth, because most of them do not know the unit.
LEARNED = DepthNoise(0.0, 0.012, 0.0)
# 4 cm, which the sensor has at 5 m, the end of the range it is made for (Khoshelham and Elberink,
# "Accuracy and resolution of Kinect depth data for indoor mapping applications", Sensors 2012).
TRUSTED_SIGMA: Final = STRUCTURED_LIGHT.floor + STRUCTURED_LIGHT.quadratic * (ROOM - 0.4) ** 2


def trusted_depth(depth: Float[np.ndarray, "h w"], noise: DepthNoise) -> float:
    """Units up to which a view's depths (H, W) are good enough for the map; not > 0 = none.

    A depth camera's are until its noise reaches TRUSTED_SIGMA, but never less than a room: far
    readings weigh little where there are nearer ones, and where there are none, a noisy wall is
    better than a hole. A network errs in proportion to the
    depth, so it is the scene that says what is far: MEDIANS median depths, which leaves out the
    sky and what is small in the image, but never less than a room.
    """
    if noise.is_measured:
        return max(ROOM, noise.depth_at(TRUSTED_SIGMA))
    seen = depth[::STEP, ::STEP]
    seen = seen[seen > 0]
    return max(ROOM, MEDIANS * float(np.median(seen))) if len(seen) else ROOM


@kernel(inline="always")
def depth_sigma(z, noise):
    """Standard deviation of a reading at depth z. noise: float32 (3,), see DepthNoise."""
    near = z - np.float32(NEAREST)
    return noise[0] + noise[1] * z + noise[2] * near * near


@kernel()
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
