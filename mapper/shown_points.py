"""Which points of the keyframes are worth showing: each part of the room once, and not too many."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.geometry import transform

VOXEL_SHARE: Final = 0.008  # of the first keyframe's median depth: 2 cm at 2.5 m
BUDGET: Final = 1_000_000  # points of a whole run, 15 MB in the recording


class ShownPoints:
    """Remembers by voxel what has been shown, where the graph had it at that time."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self._voxel = 0.0
        self._occupied: set[bytes] = set()

    def new(self, points: np.ndarray, S_world_camera: np.ndarray) -> np.ndarray:
        """bool (N,): of points float32 (N, 3) in the camera, the first in each unseen voxel."""
        chosen = np.zeros(len(points), bool)
        if len(points) == 0:
            return chosen
        if self._voxel == 0.0:
            scale = float(np.linalg.norm(S_world_camera[:3, 0]))
            self._voxel = VOXEL_SHARE * scale * float(np.median(points[:, 2]))
        cells = np.floor(transform(S_world_camera, points) / self._voxel).astype(np.int32)
        _, first = np.unique(cells, axis=0, return_index=True)
        for row in np.sort(first)[: self._left]:
            cell = cells[row].tobytes()
            chosen[row] = cell not in self._occupied
            self._occupied.add(cell)
        self._left -= int(chosen.sum())
        return chosen
