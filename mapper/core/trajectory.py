"""Camera poses over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.errors import InputError

MATCH_SECONDS: Final = 0.02  # two poses further apart in time are not of the same moment


def nearest_times(timestamps: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """int (M,): for each wanted time the index of the nearest of the increasing timestamps (N,)."""
    after = np.searchsorted(timestamps, wanted).clip(1, max(len(timestamps) - 1, 1))
    if len(timestamps) < 2:
        return np.zeros(len(wanted), int)
    earlier = wanted - timestamps[after - 1] <= timestamps[after] - wanted
    return after - earlier


def matching_times(
    timestamps: np.ndarray, wanted: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """int (K,), (K,): rows of the increasing timestamps (N,) and of the wanted times (M,) that are
    nearest and at most `tolerance` seconds apart."""
    nearest = nearest_times(timestamps, wanted)
    matched = np.flatnonzero(np.abs(timestamps[nearest] - wanted) <= tolerance)
    return nearest[matched], matched


@dataclass(frozen=True, slots=True)
class Trajectory:
    """timestamps: float64 (N,), seconds, increasing. T_world_camera: float64 (N, 4, 4)."""

    timestamps: np.ndarray
    T_world_camera: np.ndarray

    def __post_init__(self) -> None:
        if self.T_world_camera.shape != (len(self.timestamps), 4, 4):
            raise InputError(
                f"trajectory with {len(self.timestamps)} timestamps and poses of shape "
                f"{self.T_world_camera.shape}; expected (N,) and (N, 4, 4)"
            )

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def positions(self) -> np.ndarray:
        """float64 (N, 3): camera centres in the world frame."""
        return self.T_world_camera[:, :3, 3]
