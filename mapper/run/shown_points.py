"""Which points of the keyframes are worth showing: each part of the room once, and not too many."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.core.geometry import transform

VOXEL_SHARE: Final = 0.008  # of the first keyframe's median depth: 2 cm at 2.5 m
BUDGET: Final = 1_000_000  # points of a whole run, 15 MB in the recording
REMEMBERED: Final = 4  # of the newest keyframes it is known what they showed


class ShownPoints:
    """Remembers by voxel what has been shown, where the graph had it at that time."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self._voxel = 0.0
        self._occupied: set[bytes] = set()
        self._cells: dict[int, list[bytes]] = {}  # of the newest keyframes

    def new(self, keyframe_id: int, points: np.ndarray, S_world_camera: np.ndarray) -> np.ndarray:
        """bool (N,): of points float32 (N, 3) in the camera, the first in each unseen voxel."""
        chosen = np.zeros(len(points), bool)
        if len(points) == 0:
            return chosen
        if self._voxel == 0.0:
            scale = float(np.linalg.norm(S_world_camera[:3, 0]))
            self._voxel = VOXEL_SHARE * scale * float(np.median(points[:, 2]))
        cells = np.floor(transform(S_world_camera, points) / self._voxel).astype(np.int32)
        _, first = np.unique(cells, axis=0, return_index=True)
        shown = self._cells[keyframe_id] = []
        for row in np.sort(first)[: self._left]:
            cell = cells[row].tobytes()
            if cell not in self._occupied:
                chosen[row] = True
                shown.append(cell)
        self._occupied.update(shown)
        self._left -= len(shown)
        self._cells.pop(keyframe_id - REMEMBERED, None)
        return chosen

    def give_back(self, keyframe_id: int) -> None:
        """A new keyframe that is shown no more: others may show what it did."""
        cells = self._cells.pop(keyframe_id, [])
        self._occupied.difference_update(cells)
        self._left += len(cells)
