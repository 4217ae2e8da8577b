"""The dense map: keyframes in a TSDF that follows the pose graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

import numpy as np

from mapper.backend.fusion.crumbs import without_crumbs
from mapper.backend.fusion.exposure import (
    CELL,
    NEUTRAL,
    Exposure,
    Samples,
    estimated_exposures,
    samples_of,
)
from mapper.backend.fusion.furthest import Furthest
from mapper.backend.fusion.tsdf import TsdfConfig, TsdfVolume
from mapper.backend.keyframes.flying_pixels import mask_unreliable
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.mesh import Mesh
from mapper.core.quantities import Area, NonNegative, Positive, SigmasOrZero, Switch, Whole
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of

UNEVEN: Final = 0.03  # share by which a keyframe's brightness may be off
UNKNOWN = np.full((4, 4), np.nan)  # differs from every pose


@settings
class FusionConfig:
    """How the keyframes' maps are fused into one.

    tsdf: the volume.
    edge_step: relative depth step that marks a flying pixel.
    edge_sigmas: that step in deviations of the depth, which take over far away.
    even_exposures: whether keyframes that were taken brighter or darker are evened out in the map's
        colours at the end.
    min_piece_area: pieces of surface with less area, which hang on nothing, are left out of the
        mesh; the largest stays.
    move_tolerance: a keyframe is integrated anew when its points have moved further than this
        share of a voxel.
    moves_per_keyframe: how many are moved for each new keyframe while frames arrive; the rest
        waits for the end.
    """

    tsdf: TsdfConfig = field(default_factory=TsdfConfig)
    edge_step: Positive = 0.05
    edge_sigmas: SigmasOrZero = 4.0
    even_exposures: Switch = True
    min_piece_area: Area = 0.005
    move_tolerance: NonNegative = 0.25
    moves_per_keyframe: Whole = 3


class MapFusion:
    """Holds which keyframe stands in the volume at which pose, and moves those that are off."""

    def __init__(self, config: FusionConfig, map_of: Callable[[int], KeyframeMap]) -> None:
        self.config = config
        self.volume = TsdfVolume(config.tsdf)
        self.moved = 0
        self._map_of = map_of
        self._integrated: dict[int, np.ndarray] = {}
        self._samples: dict[int, Samples] = {}
        self._exposures: dict[int, Exposure] = {}  # as their colours are in the volume
        self._wanted: dict[int, np.ndarray] = {}  # where each of them should be
        self._far = Furthest()  # metres, of those that are to be moved or, infinitely far, to go

    def sync(self, target: Mapping[int, np.ndarray], max_moves: int | None = None) -> int:
        """Bring the volume towards `target` (S_world_keyframe of each closed keyframe).

        New keyframes always go in; of those that moved or are no longer wanted at most
        `max_moves` are handled, the furthest off first. Returns how many still wait.
        """
        for keyframe_id in self._integrated:
            if keyframe_id not in target:
                self._wanted.pop(keyframe_id, None)
                self._far.note(keyframe_id, np.inf)
        return self.follow({k: target[k] for k in self._differing(target)}, max_moves)

    def follow(self, moved: Mapping[int, np.ndarray], max_moves: int | None = None) -> int:
        """As sync, told only of keyframes that are new or may have moved: its cost is their
        number. All others are wanted where they were."""
        for keyframe_id, S in moved.items():
            if keyframe_id not in self._integrated:
                self._integrate(keyframe_id, S, 1)
        if moved:
            self._judge(list(moved), _stacked(list(moved.values())))
        for _ in range(len(self._far) if max_moves is None else min(max_moves, len(self._far))):
            keyframe_id = self._far.pop()
            self._integrate(keyframe_id, self._integrated[keyframe_id], -1)
            if keyframe_id in self._wanted:
                self._integrate(keyframe_id, self._wanted[keyframe_id], 1)
                self.moved += 1
        return len(self._far)

    def remove(self, keyframe_id: int) -> None:
        """Take a keyframe out, if it is in."""
        if keyframe_id in self._integrated:
            self._integrate(keyframe_id, self._integrated[keyframe_id], -1)
            self._wanted.pop(keyframe_id, None)
            self._far.forget(keyframe_id)

    def even_exposures(self) -> int:
        """Bring the colours of all keyframes to one brightness; how many were changed for it."""
        if not self.config.even_exposures:
            return 0
        cell = CELL * self.config.tsdf.voxel_size
        exposures = estimated_exposures(self._samples, self._integrated, cell)
        changed = [k for k, e in exposures.items() if not e.is_near(self._exposure(k), UNEVEN)]
        for keyframe_id in changed:
            S = self._integrated[keyframe_id]
            self._integrate(keyframe_id, S, -1)
            self._exposures[keyframe_id] = exposures[keyframe_id]
            self._integrate(keyframe_id, S, 1)
        return len(changed)

    def _exposure(self, keyframe_id: int) -> Exposure:
        return self._exposures.get(keyframe_id, NEUTRAL)

    def extract_mesh(self) -> Mesh:
        """The surface of the volume as it stands, without crumbs."""
        return without_crumbs(self.volume.extract_mesh(), self.config.min_piece_area)

    def _differing(self, target: Mapping[int, np.ndarray]) -> list[int]:
        """Keyframes that are wanted elsewhere than last time: mostly few of many."""
        ids = list(target)
        if not ids:
            return []
        S_wanted = _stacked([self._wanted.get(k, UNKNOWN) for k in ids])
        differs = (_stacked(list(target.values())) != S_wanted).any(axis=(1, 2))
        return [ids[row] for row in np.flatnonzero(differs)]

    def _judge(self, ids: list[int], S_new: np.ndarray) -> None:
        """Note how far keyframes stand from where they are wanted: S_new (N, 4, 4)."""
        S = inverse_similarity(_stacked([self._integrated[k] for k in ids])) @ S_new
        # A turn or a change of scale moves a point two metres away by this much more.
        change = np.linalg.norm(S[:, :3, :3] - np.eye(3), axis=(1, 2))
        distances = np.linalg.norm(S[:, :3, 3], axis=1) + 2.0 * change / np.sqrt(2)
        tolerance = self.config.move_tolerance * self.config.tsdf.voxel_size
        for row, (keyframe_id, distance) in enumerate(zip(ids, distances.tolist(), strict=True)):
            self._wanted[keyframe_id] = S_new[row].copy()
            self._far.note(keyframe_id, distance if distance > tolerance else 0.0)

    def _integrate(self, keyframe_id: int, S_world_keyframe: np.ndarray, sign: int) -> None:
        """A view's depths are in the keyframe's units: its scale brings them into the world's."""
        source = self._map_of(keyframe_id)
        depth = reliable_depth(source, self.config)
        exposure = self._exposure(keyframe_id)
        self.volume.integrate(
            depth * np.float32(scale_of(S_world_keyframe)),
            source.weight,
            exposure.applied(source.image),
            source.intrinsics,
            rigid_part(S_world_keyframe),
            sign,
            source.noise,
            exposure.weight,
        )
        if sign > 0:
            self._integrated[keyframe_id] = S_world_keyframe.copy()
            if self.config.even_exposures and keyframe_id not in self._samples:
                self._samples[keyframe_id] = samples_of(source)
        else:
            del self._integrated[keyframe_id]


def reliable_depth(source: KeyframeMap, config: FusionConfig) -> np.ndarray:
    """A keyframe's depths float32 (H, W), in its units, without flying pixels; 0 = none."""
    # What a network makes of a surface is smooth, however far off it is.
    may_step = source.noise.is_measured and config.edge_sigmas > 0
    noise_step = source.noise.times(config.edge_sigmas) if may_step else None
    return mask_unreliable(source.depth, config.edge_step, noise_step)


def _stacked(matrices: list[np.ndarray]) -> np.ndarray:
    """(N, 4, 4), three times as fast as np.stack: this is asked for every keyframe."""
    return np.concatenate(matrices).reshape(-1, 4, 4)
