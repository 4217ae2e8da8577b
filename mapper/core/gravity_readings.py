"""What an accelerometer, or another program's level world, says of up as a camera sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(frozen=True, slots=True, eq=False)
class GravityReadings:
    """Which way is up, seen from a camera that moves.

    name: what the sentences call the source. times: (N,), seconds by the frames' clock,
    increasing. up: (N, 3), unit vectors in the camera's axes (x right, y down, z forward).
    sigma_deg: degrees that all readings of one keyframe may be off together. axes_are_told: the
    file or the user says how the sensor is mounted; else the camera is taken to be held upright.
    """

    name: str
    times: Float64[np.ndarray, " n"]
    up: Float64[np.ndarray, "n 3"]
    sigma_deg: float
    axes_are_told: bool = False

    def __post_init__(self) -> None:
        if len(self.times) == 0:
            raise InputError(f"{self.name}: there are no readings in it")
        if not (np.isfinite(self.sigma_deg) and self.sigma_deg > 0):
            raise InputError(f"{self.name}: a standard deviation must be larger than 0")

    def later(self, seconds: float) -> GravityReadings:
        """The same by a clock that is so many seconds ahead."""
        return replace(self, times=self.times + seconds)
