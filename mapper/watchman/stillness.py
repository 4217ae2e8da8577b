"""A camera that stands keeps its pose and its scale, whatever a drifting network says."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from mapper.core.geometry import orthonormalised, pose
from mapper.core.prediction import Prediction
from mapper.watchman.comparison import Looks, correlation

FAINTEST: Final = 4.0  # grey levels by which an image must vary: in the dark all look the same
STANDS: Final = 3  # frames in a row that must look the same before a camera is taken to stand


class Stillness:
    """Of one segment. Frames are held against the first one of a rest, so that creeping shows.

    While it stands, predictions get that frame's pose, and its depth in the median; when it goes
    on, the network's world is moved along, so that the map has no step there.
    """

    def __init__(self, limit: float) -> None:
        """limit: one minus the correlation of two small images of a standing camera; 0 = never."""
        self._limit = limit
        self._rest: Looks | None = None
        self._frames = 0
        self._scale, self._T = 1.0, np.eye(4)  # from the network's world to the map's

    def holds(self, new: Looks) -> bool:
        """Whether the camera stands where it stood when the rest began."""
        if not self._limit:
            return False
        if self._rest is not None and self._is_as(self._rest, new):
            self._frames += 1
            return self._frames >= STANDS
        self._rest, self._frames = new, 0
        return False

    def held(self, told: Prediction) -> Prediction:
        """The prediction of a frame that stands, at the pose of the rest and of its scale; later
        ones are carried as this one is. told: as the network said it, not carried."""
        assert self._rest is not None
        rest = self._rest.prediction
        both = (rest.confidence > 0) & (told.confidence > 0) & (rest.depth > 0) & (told.depth > 0)
        if both.any():
            self._scale = float(np.median(rest.depth[both] / told.depth[both]))
        R = rest.T_world_camera[:3, :3] @ told.T_world_camera[:3, :3].T
        t = rest.T_world_camera[:3, 3] - self._scale * R @ told.T_world_camera[:3, 3]
        self._T = orthonormalised(pose(R, t))
        carried = self.carried(told)
        return replace(carried, T_world_camera=rest.T_world_camera, is_still=True)

    def carried(self, prediction: Prediction) -> Prediction:
        """In the world of the map, as the last rest has left it."""
        if self._scale == 1.0 and (np.eye(4) == self._T).all():
            return prediction
        T, R = prediction.T_world_camera, self._T[:3, :3]
        known = prediction.uncertainty
        return replace(
            prediction,
            pointmap=prediction.pointmap * np.float32(self._scale),
            T_world_camera=pose(R @ T[:3, :3], self._scale * R @ T[:3, 3] + self._T[:3, 3]),
            uncertainty=None if known is None else known.scaled(self._scale),
        )

    def _is_as(self, old: Looks, new: Looks) -> bool:
        """Whether both show the same, and anything at all."""
        if new.small.std() < FAINTEST:
            return False
        return 1 - correlation(old.small.ravel(), new.small.ravel()) < self._limit
