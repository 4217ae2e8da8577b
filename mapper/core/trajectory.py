"""Camera poses over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int

MATCH_SECONDS: Final = 0.02  # two poses further apart in time are not of the same moment


def nearest_times(
    timestamps: Float[np.ndarray, " n"], wanted: Float[np.ndarray, " m"]
) -> Int[np.ndarray, " m"]:
    """int (M,): for each wanted time the index of the nearest of the increasing timestamps (N,)."""
    after = np.searchsorted(timestamps, wanted).clip(1, max(len(timestamps) - 1, 1))
    if len(timestamps) < 2:
        return np.zeros(len(wanted), int)
    earlier = wanted - timestamps[after - 1] <= timestamps[after] - wanted
    return after - earlier


def matching_times(
    timestamps: Float[np.ndarray, " n"], wanted: Float[np.ndarray, " m"], tolerance: float
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """int (K,), (K,): rows of the increasing timestamps (N,) and of the wanted times (M,) that are
    nearest and at most `tolerance` seconds apart."""
    nearest = nearest_times(timestamps, wanted)
    matched = np.flatnonzero(np.abs(timestamps[nearest] - wanted) <= tolerance)
    return nearest[matched], matched


@dataclass(frozen=True, slots=True)
class Trajectory:
    """timestamps: float64 (N,), seconds, increasing. T_world_camera: float64 (N, 4, 4)."""

    timestamps: Float64[np.ndarray, " n"]
    T_world_camera: Float64[np.ndarray, "n 4 4"]

    def __post_init__(self) -> None:
        if self.T_world_camera.shape != (len(self.timestamps), 4, 4):
            raise InputError(
                f"trajectory with {len(self.timestamps)} timestamps and poses of shape "
                f"{self.T_world_camera.shape}; expected (N,) and (N, 4, 4)"
            )

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def positions(self) -> Float64[np.ndarray, "n 3"]:
        """float64 (N, 3): camera centres in the world frame."""
        return self.T_world_camera[:, :3, 3]
