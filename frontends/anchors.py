"""Short sequences, each with the last one's last frame as its first, carried on in one world.

Not of the publications: a network that was trained on a few frames says little of cameras far from
its first frame, the anchor. Given a new one in time, it never has to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.learned import Answer


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a sequence lies in the world: its poses are moved by T_world_sequence, its lengths are
    scaled first, as the network's unit is each sequence's own."""

    T_world_sequence: np.ndarray = field(default_factory=lambda: np.eye(4))
    scale: float = 1.0

    def placed(self, answer: Answer) -> Answer:
        """In the world and its unit."""
        return replace(
            answer,
            points=answer.points * np.float32(self.scale),
            T_world_camera=self.T_world_sequence @ scaled(answer.T_world_camera, self.scale),
        )

    def turned(self, answer: Answer) -> float:
        """Radians by which a placed answer's camera turned from this anchor."""
        R = (inverse(self.T_world_sequence) @ answer.T_world_camera)[:3, :3]
        return float(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1)))


def next_anchor(placed: Answer, fresh: Answer) -> Anchor:
    """Of a frame that ends one sequence, placed, and begins the next one, fresh: both say its depth
    and its pose. The unit follows by the median ratio of depths."""
    scale = float(np.median(_depth(placed) / np.maximum(_depth(fresh), 1e-6)))
    T = placed.T_world_camera @ inverse(scaled(fresh.T_world_camera, scale))
    return Anchor(T, scale)


def in_own_unit(first: Answer) -> Anchor:
    """Of a world's first frame, whose depth in the middle becomes 1: voxels and bounds are made for
    such numbers, whatever unit a network has come to speak in."""
    return Anchor(scale=1 / max(float(np.median(_depth(first))), 1e-6))


def scaled(T: np.ndarray, scale: float) -> np.ndarray:
    """The pose with its translation scaled."""
    found = T.copy()
    found[:3, 3] *= scale
    return found


def _depth(answer: Answer) -> np.ndarray:
    return answer.points if answer.points.ndim == 2 else answer.points[..., 2]
