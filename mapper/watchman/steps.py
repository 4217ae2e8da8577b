"""Which motions from frame to frame are unlike those before them."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, rotation_angle
from mapper.watchman.comparison import Looks

USUAL: Final = 15  # frames over which what is usual is known
FEWEST: Final = 3  # of them, before anything is unusual
LONGER: Final = 4.0  # times the usual step; hands and robots stay below 2.5
LEAST: Final = 0.02  # of the median depth: a step no longer than this is none
TURNED: Final = np.deg2rad(12.0)  # by which a turn differs from the one a frame before


class UsualSteps:
    """The steps of a segment's last frames."""

    def __init__(self) -> None:
        self._lengths: deque[float] = deque(maxlen=USUAL)
        self._T_before_last: np.ndarray | None = None

    def is_unusual(self, last: Looks, new: Looks) -> bool:
        """Whether the camera would have had to be pushed or turned all at once."""
        if len(self._lengths) < FEWEST or self._T_before_last is None:
            return False
        T_last_new = motion(last, new)
        length = float(np.linalg.norm(T_last_new[:3, 3]))
        usual = float(np.median(self._lengths))
        if length > max(LONGER * usual, LEAST * new.middle):
            return True
        return rotation_angle(self._T_before_last[:3, :3].T @ T_last_new[:3, :3]) > TURNED

    def take(self, last: Looks, new: Looks) -> None:
        """A step that is believed."""
        self._T_before_last = motion(last, new)
        self._lengths.append(float(np.linalg.norm(self._T_before_last[:3, 3])))


def motion(last: Looks, new: Looks) -> np.ndarray:
    """T_last_new (4, 4)."""
    return inverse(last.prediction.T_world_camera) @ new.prediction.T_world_camera
