"""What another sensor says of the camera's poses, as tracking, GPS and files do, and of up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(frozen=True, slots=True)
class GeoOrigin:
    """Where a local east-north-up frame has its origin: degrees of WGS 84, metres above it."""

    latitude: float
    longitude: float
    altitude: float


@dataclass(frozen=True, slots=True, eq=False)
class PoseReadings:
    """Readings in a world of their own, of which only that it is one world is taken for granted.

    name: what the sentences call the source. times: (N,), seconds by the frames' clock,
    increasing. positions: (N, 3), of the camera, in metres if is_metric; None = not told.
    rotations: R_world_camera (N, 3, 3); None = not told. sigma: standard deviation of a position,
    in its units (N,). sigma_deg: of a rotation, degrees. drifts: readings of one time share their
    errors, as those of a tracker do; else each is a reading of its own. origin: of a world whose
    axes are east, north and up; None = no place on the Earth. vertical: how many times as uncertain
    the third coordinate is. clock_s: seconds by which the times may be off besides, either way, all
    by the same; 0 = they are right.
    """

    name: str
    times: Float64[np.ndarray, " n"]
    positions: Float64[np.ndarray, "n 3"] | None
    rotations: Float64[np.ndarray, "n 3 3"] | None
    sigma: Float64[np.ndarray, " n"]
    sigma_deg: float
    is_metric: bool = True
    drifts: bool = True
    origin: GeoOrigin | None = None
    vertical: float = 1.0
    clock_s: float = 0.0

    def __post_init__(self) -> None:
        if self.positions is None and self.rotations is None:
            raise InputError(f"{self.name}: neither positions nor rotations")
        if len(self.times) == 0:
            raise InputError(f"{self.name}: there are no readings in it")
        if not (self.sigma > 0).all() or not self.sigma_deg > 0:
            raise InputError(f"{self.name}: a standard deviation must be larger than 0")

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, chosen: np.ndarray) -> PoseReadings:
        """Those of the rows: int or bool (M,)."""
        return replace(
            self,
            times=self.times[chosen],
            positions=None if self.positions is None else self.positions[chosen],
            rotations=None if self.rotations is None else self.rotations[chosen],
            sigma=self.sigma[chosen],
        )

    def later(self, seconds: float) -> PoseReadings:
        """The same by a clock that is so many seconds ahead."""
        return replace(self, times=self.times + seconds)


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
