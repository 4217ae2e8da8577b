"""A corridor with a flight of stairs from a lower to an upper landing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.rooms.furniture import Style
from mapper.rooms.part import Material, Part
from mapper.rooms.spec import RoomSpec, seeded

RISE: Final = 0.17  # metres, of a step
RUN: Final = 0.28
LANDING: Final = 1.8  # metres of it at least, at both ends


@dataclass(frozen=True, slots=True)
class Stairs:
    """start: x at which they begin. steps: how many, the last being the upper landing's edge."""

    start: float
    steps: int
    length: float
    width: float

    @classmethod
    def of(cls, spec: RoomSpec) -> Stairs:
        """As many as there is room for, 13 at most."""
        length, width, height = spec.size
        start = LANDING + float(seeded(spec.seed, "stairs").uniform(0, 0.6))
        steps = int(min(13, (length - start - LANDING) / RUN, (height - 2.3) / RISE))
        return cls(start, steps, length, width)

    def height_at(self, x: np.ndarray) -> np.ndarray:
        """Metres of the floor at x (N,), smooth as a walker takes it."""
        return RISE * np.clip((x - self.start) / RUN + 0.5, 0, self.steps)

    def parts(self, style: Style) -> list[Part]:
        """Solid steps, each as long as all that is above it, and a rail along one wall."""
        kinds = (Material.PLANKS, Material.TILES, Material.WOOD)
        kind = (kinds[int(style.rng.integers(len(kinds)))],)
        parts = []
        for step in range(self.steps):
            begin = self.start + step * RUN
            end = self.start + (step + 1) * RUN if step + 1 < self.steps else self.length
            size = (end - begin, self.width, RISE * (step + 1))
            center = ((begin + end) / 2, self.width / 2, size[2] / 2)
            parts.append(style.box(center, size, kind, style.floor_color()))
        for step in range(0, self.steps, 2):
            x, z = self.start + (step + 0.5) * RUN, RISE * (step + 1) + 0.45
            post = style.box((x, 0.08, z), (0.04, 0.04, 0.9), (Material.WOOD,), style.wood())
            parts.append(post)
        return parts
