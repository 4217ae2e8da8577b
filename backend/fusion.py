"""The dense map: keyframes in a TSDF that follows the pose graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mapper.backend.flying_pixels import mask_unreliable
from mapper.backend.keyframe_map import KeyframeMap
from mapper.backend.tsdf import TsdfConfig, TsdfVolume
from mapper.geometry import inverse, rotation_angle
from mapper.mesh import Mesh


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """tsdf: the volume. edge_step: relative depth step that marks a flying pixel.

    move_tolerance: a keyframe is integrated anew when its points have moved further than this
    share of a voxel. moves_per_keyframe: how many are moved for each new keyframe while frames
    arrive; the rest waits for the end.
    """

    tsdf: TsdfConfig = field(default_factory=TsdfConfig)
    edge_step: float = 0.05
    move_tolerance: float = 0.25
    moves_per_keyframe: int = 3


class MapFusion:
    """Holds which keyframe stands in the volume at which pose, and moves those that are off."""

    def __init__(self, config: FusionConfig, map_of: Callable[[int], KeyframeMap]) -> None:
        self.config = config
        self.volume = TsdfVolume(config.tsdf)
        self.moved = 0
        self._map_of = map_of
        self._integrated: dict[int, np.ndarray] = {}

    def sync(self, target: dict[int, np.ndarray], max_moves: int | None = None) -> int:
        """Bring the volume towards `target` (T_world_keyframe of each closed keyframe).

        New keyframes always go in; of those that moved or are no longer wanted at most
        `max_moves` are handled, the furthest off first. Returns how many still wait.
        """
        for keyframe_id in target:
            if keyframe_id not in self._integrated:
                self._integrate(keyframe_id, target[keyframe_id], 1)
        stale = sorted(self._stale(target), reverse=True)
        todo = stale if max_moves is None else stale[:max_moves]
        for _, keyframe_id in todo:
            self._integrate(keyframe_id, self._integrated[keyframe_id], -1)
            if keyframe_id in target:
                self._integrate(keyframe_id, target[keyframe_id], 1)
                self.moved += 1
        return len(stale) - len(todo)

    def extract_mesh(self) -> Mesh:
        return self.volume.extract_mesh()

    def _stale(self, target: dict[int, np.ndarray]) -> list[tuple[float, int]]:
        """(how far off in metres, keyframe) of those that should move or go."""
        tolerance = self.config.move_tolerance * self.config.tsdf.voxel_size
        stale = []
        for keyframe_id, T_old in self._integrated.items():
            if keyframe_id not in target:
                stale.append((np.inf, keyframe_id))
                continue
            T = inverse(T_old) @ target[keyframe_id]
            # A rotation moves a point two metres away by this much more.
            distance = float(np.linalg.norm(T[:3, 3])) + 2.0 * rotation_angle(T[:3, :3])
            if distance > tolerance:
                stale.append((distance, keyframe_id))
        return stale

    def _integrate(self, keyframe_id: int, T_world_keyframe: np.ndarray, sign: int) -> None:
        source = self._map_of(keyframe_id)
        depth = mask_unreliable(source.depth, self.config.edge_step)
        self.volume.integrate(
            depth, source.weight, source.image, source.intrinsics, T_world_keyframe, sign
        )
        if sign > 0:
            self._integrated[keyframe_id] = T_world_keyframe.copy()
        else:
            del self._integrated[keyframe_id]
