"""A closed way around a room that touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.rooms.walks.free_space import FreeSpace

POINTS: Final = 400
TRIES: Final = 60


@dataclass(frozen=True, slots=True)
class Loop:
    """points: float64 (POINTS + 1, 2), x and y, the last equal to the first. length: metres.

    middle: float64 (2,). phase: float64 (POINTS + 1,), the angle that the way has come around it.
    """

    points: np.ndarray
    middle: np.ndarray
    phase: np.ndarray
    length: float

    def at(self, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 2) after so many metres (N,), and the phase (N,) there; on and on around."""
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        laps, rest = np.divmod(way, self.length)
        x = np.interp(rest, along, self.points[:, 0])
        y = np.interp(rest, along, self.points[:, 1])
        turned = laps * (self.phase[-1] - self.phase[0])
        return np.stack([x, y], 1), np.interp(rest, along, self.phase) + turned


def draw_loop(
    space: FreeSpace, height: float, wished: float, gap: float, rng: np.random.Generator
) -> Loop:
    """A way about `wished` metres long, at a height, `gap` metres from everything.

    It is shorter where there is no room for it; at worst it is next to a point in the freest place.
    """
    for attempt in range(TRIES):
        loop = _candidate(space.size[:2], wished * 0.97**attempt, rng)
        points = np.column_stack([loop.points, np.full(len(loop.points), height)])
        if space.clearance(points[::8]).min() > gap:
            return loop
    place = space.freest(height, rng)
    free = float(space.clearance(place[None])[0])
    radius = max(0.02, min(free - gap, wished / (2 * np.pi)))
    return _ellipse(place[:2], np.array([radius, radius]), np.zeros(4), 1.0)


def _candidate(size: np.ndarray, wished: float, rng: np.random.Generator) -> Loop:
    """An uneven ellipse somewhere in the room."""
    aspect = rng.uniform(0.45, 1.0)
    radii = wished / 5.0 * np.array([1.0, aspect])
    if size[0] < size[1]:
        radii = radii[::-1]
    radii = np.minimum(radii, np.maximum(0.5 * size - 0.4, 0.05))
    margin = np.minimum(radii + 0.3, size / 2)
    middle = margin + rng.uniform(0, 1, 2) * (size - 2 * margin)
    return _ellipse(middle, radii, rng.uniform(-0.12, 0.12, 4), rng.choice((-1.0, 1.0)))


def _ellipse(middle: np.ndarray, radii: np.ndarray, uneven: np.ndarray, way: float) -> Loop:
    angles = way * np.linspace(0, 2 * np.pi, POINTS + 1)
    bulge = 1 + uneven[0] * np.sin(2 * angles + 9 * uneven[1])
    bulge += uneven[2] * np.sin(3 * angles + 9 * uneven[3])
    x = middle[0] + radii[0] * bulge * np.cos(angles)
    y = middle[1] + radii[1] * bulge * np.sin(angles)
    points = np.stack([x, y], 1)
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    return Loop(points, middle, angles, length)
