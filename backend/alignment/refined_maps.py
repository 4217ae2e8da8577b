"""Keyframe maps made better by what the other keyframes saw, ready to be fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mapper.backend.alignment.correction import correction_factors
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import depth_sigma
from mapper.core.quantities import KeyframesOrZero, Sigmas, Whole
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity
from mapper.runtime.kernels import kernel
from mapper.vision.reprojection import (
    IN_FRONT,
    NEAREST,
    SEEN_THROUGH,
    TWO_READINGS,
    DepthView,
    camera_of,
    carried,
    f32,
    is_inside,
    motion_of,
    nearest_pixel,
)


@settings
class RefinementConfig:
    """Fusion of the keyframes' maps into one another before the last integration.

    neighbours: keyframes whose depth is fused into another's; 0 = none.
    agree_sigmas: of the depth's noise, within which two views mean the same surface.
    max_contradictions: views that may contradict a point before it is dropped: that look straight
        through it, or hold a surface which it lies behind. More must say so than confirm it.
    """

    neighbours: KeyframesOrZero = 8
    agree_sigmas: Sigmas = 3.0
    max_contradictions: Whole = 1


class RefinedMaps:
    """The map of a keyframe, its smooth depth correction applied, averaged with its neighbours'.

    Each point is looked up in the other views. Where the depth there agrees it is averaged in by
    confidence; a point that other views contradict is an outlier and goes.
    """

    def __init__(
        self,
        config: RefinementConfig,
        map_of: Callable[[int], KeyframeMap],
        poses: Mapping[int, np.ndarray],
        corrections: Mapping[int, np.ndarray],
        pairs: Sequence[tuple[int, int]],
    ) -> None:
        self.config = config
        self._map_of = map_of
        self._poses = poses
        self._corrections = corrections
        self._neighbours: dict[int, list[int]] = {k: [] for k in poses}
        for i, j in pairs:
            self._neighbours[i].append(j)
            self._neighbours[j].append(i)

    def corrected(self, keyframe_id: int) -> KeyframeMap:
        """The map with its own correction alone."""
        source = self._map_of(keyframe_id)
        grid = self._corrections.get(keyframe_id)
        if grid is None:
            return source
        depth = source.depth * correction_factors(grid, *source.depth.shape)
        return KeyframeMap(depth, source.weight, source.image, source.intrinsics, source.noise)

    def map(self, keyframe_id: int) -> KeyframeMap:
        """The refined map, in the keyframe's units as before."""
        own = self.corrected(keyframe_id)
        others = self._neighbours[keyframe_id]
        if not self.config.neighbours or not others:
            return own
        depth_sum = own.depth * own.weight
        weight_sum = own.weight.copy()
        votes = np.zeros((2, *own.depth.shape), np.int16)
        sums = Sums(depth_sum, weight_sum, votes)
        allowed = Allowed(own.noise.coefficients, np.float32(self.config.agree_sigmas))
        S_world_own = self._poses[keyframe_id]
        for other_id in _spread(others, keyframe_id, self.config.neighbours):
            other = self.corrected(other_id)
            S_other_own = inverse_similarity(self._poses[other_id]) @ S_world_own
            view, seen = _view(own), _view(other)
            look_up(view, seen, motion_of(S_other_own), allowed, sums)
            S_own_other = inverse_similarity(S_other_own)
            look_through(seen, view, motion_of(S_own_other), allowed, votes[1])
        confirmed, contradicted = votes
        outlier = (contradicted > self.config.max_contradictions) & (contradicted > confirmed)
        weight = np.where(outlier, np.float32(0), weight_sum)
        depth = np.where(weight > 0, depth_sum / np.maximum(weight_sum, 1e-12), np.float32(0))
        return KeyframeMap(depth.astype(np.float32), weight, own.image, own.intrinsics, own.noise)


def _spread(others: list[int], keyframe_id: int, count: int) -> list[int]:
    """At most `count` of the neighbours, near and far in time alike."""
    ordered = sorted(others, key=lambda k: (abs(k - keyframe_id), k))
    if len(ordered) <= count:
        return ordered
    chosen = np.unique(np.linspace(0, len(ordered) - 1, count).round().astype(int))
    return [ordered[k] for k in chosen]


def _view(source: KeyframeMap) -> DepthView:
    return DepthView(source.depth, source.weight, camera_of(source.intrinsics))


class Allowed(NamedTuple):
    """noise: float32 (3,), see depth_sigma. sigmas: of it, within which two views agree."""

    noise: np.ndarray
    sigmas: np.float32


class Sums(NamedTuple):
    """depth: float32 (H, W), weighted. weight: float32 (H, W). votes: int16 (2, H, W), yes, no."""

    depth: np.ndarray
    weight: np.ndarray
    votes: np.ndarray


@kernel(fastmath=True)
def look_up(own, other, motion, allowed, sums):
    """Look every point up in another view; add what that says, and count its yes and its no.

    motion: from this camera to the other's. The other view's depth, carried back along this
    view's ray, is this depth times the ratio of the depths seen and expected there.
    """
    for row in range(own.depth.shape[0]):
        for column in range(own.depth.shape[1]):
            z = own.depth[row, column]
            if not z > 0:
                continue
            X = carried(own.camera, motion, f32(column), f32(row), z)
            if X[2] <= NEAREST:
                continue
            u, v = nearest_pixel(other.camera, X)
            if not is_inside(other.depth, u, v):
                continue
            seen = other.depth[v, u]
            if not seen > 0:
                continue
            tolerance = allowed.sigmas * depth_sigma(X[2], allowed.noise) * TWO_READINGS
            if abs(seen - X[2]) < tolerance:
                w = other.weight[v, u]
                sums.depth[row, column] += w * z * seen / X[2]
                sums.weight[row, column] += w
                sums.votes[0, row, column] += 1
            elif X[2] < seen - IN_FRONT * tolerance:
                sums.votes[1, row, column] += 1


@kernel(fastmath=True)
def look_through(other, own, motion, allowed, votes):
    """Count where this view looks through a surface that the other one holds.

    motion: from the other camera to this one. A pixel gets one vote from one view, of the points
    that fall on it and are worth at least half as much as it.
    """
    voted = np.zeros(own.depth.shape, np.bool_)
    for row in range(other.depth.shape[0]):
        for column in range(other.depth.shape[1]):
            z = other.depth[row, column]
            if not z > 0:
                continue
            X = carried(other.camera, motion, f32(column), f32(row), z)
            if X[2] <= NEAREST:
                continue
            u, v = nearest_pixel(own.camera, X)
            if not is_inside(own.depth, u, v) or voted[v, u]:
                continue
            tolerance = SEEN_THROUGH * allowed.sigmas * depth_sigma(X[2], allowed.noise)
            enough = other.weight[row, column] >= f32(0.5) * own.weight[v, u]
            if own.depth[v, u] > X[2] + tolerance and enough:
                voted[v, u] = True
                votes[v, u] += 1
