"""Keyframe maps made better by what the other keyframes saw, ready to be fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numba import njit

from mapper.backend.alignment.correction import correction_factors
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import depth_sigma
from mapper.core.quantities import KeyframesOrZero, Sigmas, Whole
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity


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
        S_world_own = self._poses[keyframe_id]
        for other_id in _spread(others, keyframe_id, self.config.neighbours):
            other = self.corrected(other_id)
            S_other_own = inverse_similarity(self._poses[other_id]) @ S_world_own
            sigmas = np.float32(self.config.agree_sigmas)
            look_up(
                *_view(own), *_view(other), *_split(S_other_own),
                own.noise.coefficients, sigmas, depth_sum, weight_sum, votes,
            )  # fmt: skip
            look_through(
                *_view(other), *_view(own), *_split(inverse_similarity(S_other_own)),
                own.noise.coefficients, sigmas, votes[1],
            )  # fmt: skip
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


def _view(source: KeyframeMap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    k = source.intrinsics
    return source.depth, source.weight, np.array([k.fx, k.fy, k.cx, k.cy], np.float32)


def _split(S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return S[:3, :3].astype(np.float32), S[:3, 3].astype(np.float32)


@njit(cache=True, nogil=True, inline="always")
def _carried(row, column, z, camera, R, t):
    """A pixel's point in the other camera."""
    x = (np.float32(column) - camera[2]) / camera[0] * z
    y = (np.float32(row) - camera[3]) / camera[1] * z
    return (
        R[0, 0] * x + R[0, 1] * y + R[0, 2] * z + t[0],
        R[1, 0] * x + R[1, 1] * y + R[1, 2] * z + t[1],
        R[2, 0] * x + R[2, 1] * y + R[2, 2] * z + t[2],
    )


@njit(cache=True, nogil=True, fastmath=True)
def look_up(
    depth, weight, camera, depth_o, weight_o, camera_o, R, t, noise, sigmas,
    depth_sum, weight_sum, votes,
):  # fmt: skip
    """Look every point up in another view; add what that says, and count its yes and its no.

    R, t: similarity from this camera to the other's. The other view's depth, carried back along
    this view's ray, is this depth times the ratio of the depths seen and expected there.
    """
    height_o, width_o = depth_o.shape
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            z = depth[row, column]
            if not z > 0:
                continue
            xo, yo, zo = _carried(row, column, z, camera, R, t)
            if zo <= np.float32(0.05):
                continue
            u = int(camera_o[0] * xo / zo + camera_o[2] + np.float32(0.5))
            v = int(camera_o[1] * yo / zo + camera_o[3] + np.float32(0.5))
            if u < 0 or v < 0 or u >= width_o or v >= height_o:
                continue
            seen = depth_o[v, u]
            if not seen > 0:
                continue
            tolerance = sigmas * depth_sigma(zo, noise) * np.float32(1.4142)  # of two readings
            if abs(seen - zo) < tolerance:
                w = weight_o[v, u]
                depth_sum[row, column] += w * z * seen / zo
                weight_sum[row, column] += w
                votes[0, row, column] += 1
            elif zo < seen - np.float32(2) * tolerance:
                votes[1, row, column] += 1


@njit(cache=True, nogil=True, fastmath=True)
def look_through(depth_o, weight_o, camera_o, depth, weight, camera, R, t, noise, sigmas, votes):
    """Count where this view looks through a surface that the other one holds.

    R, t: similarity from the other camera to this one. A pixel gets one vote from one view, of
    the points that fall on it and are worth at least half as much as it.
    """
    height, width = depth.shape
    voted = np.zeros((height, width), np.bool_)
    for row in range(depth_o.shape[0]):
        for column in range(depth_o.shape[1]):
            z = depth_o[row, column]
            if not z > 0:
                continue
            x, y, z_here = _carried(row, column, z, camera_o, R, t)
            if z_here <= np.float32(0.05):
                continue
            u = int(camera[0] * x / z_here + camera[2] + np.float32(0.5))
            v = int(camera[1] * y / z_here + camera[3] + np.float32(0.5))
            if u < 0 or v < 0 or u >= width or v >= height or voted[v, u]:
                continue
            own = depth[v, u]
            tolerance = np.float32(3) * sigmas * depth_sigma(z_here, noise)
            if own > z_here + tolerance and weight_o[row, column] >= np.float32(0.5) * weight[v, u]:
                voted[v, u] = True
                votes[v, u] += 1
