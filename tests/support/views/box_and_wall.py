"""Exact depth of a box or a pole in front of a wall, from a camera that goes past them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mapper.backend.moving.surface import Sighting
from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.intrinsics import Intrinsics

CAMERA = Intrinsics(150.0, 150.0, 79.5, 59.5, 160, 120)
WALL, FRONT = 3.0, 2.0  # metres from the camera
BOX, POLE = 0.25, 0.02  # metres from the middle to the sides


@dataclass(frozen=True)
class Scene:
    """half: of the box's width, of each view; 0 = it is not there. off: metres by which the views
    stand beside where they are said to stand. factor: on their depth. behind: whether there are
    readings of the wall."""

    half: Sequence[float]
    off: Sequence[float] = ()
    factor: Sequence[float] = ()
    behind: bool = True

    def is_box(self, number: int) -> np.ndarray:
        """bool (H, W): where a view shows the box."""
        v, u = np.indices((CAMERA.height, CAMERA.width))
        aside = self.off[number] if self.off else 0.0
        x = (u - CAMERA.cx) / CAMERA.fx * FRONT + place(number) + aside
        y = (v - CAMERA.cy) / CAMERA.fy * FRONT
        found: np.ndarray = (np.abs(x) < self.half[number]) & (np.abs(y) < 2 * BOX)
        return found

    def seen(self) -> Callable[[int], Sighting]:
        """What each view saw, at a second a view."""
        return self._seen

    def _seen(self, number: int) -> Sighting:
        T = np.eye(4)
        T[0, 3] = place(number)
        depth = np.where(self.is_box(number), FRONT, WALL if self.behind else 0.0)
        depth = depth * (self.factor[number] if self.factor else 1.0)
        return Sighting(
            number, float(number), depth.astype(np.float32), CAMERA, T, STRUCTURED_LIGHT, 5.0
        )


def place(number: int) -> float:
    """Where along x a view stands."""
    return 0.04 * (number % 7) - 0.12
