"""Where in a room a camera can be without being inside of something."""

from __future__ import annotations

import numpy as np

from mapper.rooms.room import Room


class FreeSpace:
    """Distances to everything in a room; parts count as their boxes."""

    def __init__(self, room: Room) -> None:
        self.size = np.array(room.size)
        self._origins = np.array([part.origin for part in room.parts])
        self._rotations = np.array([part.rotation for part in room.parts])
        self._halves = 0.5 * np.array([part.size for part in room.parts])

    def clearance(self, points: np.ndarray) -> np.ndarray:
        """float64 (N,): metres from points (N, 3) to the nearest part; 0 inside of one, and
        outside of the room."""
        offsets = points[:, None] - self._origins
        local = np.einsum("pij,npi->npj", self._rotations, offsets)
        outside = np.maximum(np.abs(local) - self._halves, 0)
        nearest = np.linalg.norm(outside, axis=-1).min(axis=1)
        inside = ((points > 0) & (points < self.size)).all(axis=1)
        return np.where(inside, nearest, 0.0)

    def freest(self, height: float, rng: np.random.Generator) -> np.ndarray:
        """float64 (3,): a place at a height that is as far from everything as a random few."""
        places = rng.uniform(0, 1, (200, 3)) * self.size
        places[:, 2] = height
        places[0, :2] = self.size[:2] / 2
        return places[np.argmax(self.clearance(places))]
