"""Where the points of tracks are, by all who see them and by the depth that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.backend.tracks.linking import LINKED, Tracks, limit_of
from mapper.backend.tracks.view import NEAREST, Cameras, View
from mapper.core.sparse_points import SparsePoints
from mapper.vision.local_features import REPROJECTION_PIXELS

if TYPE_CHECKING:
    from jaxtyping import Float64

STEPS: Final = 8  # of Gauss and Newton; three are enough where rays meet at some angle
# Of a depth, what it is off by against a pixel of a feature's place: a network's, and what a
# sensor's is besides its noise, since a keyframe's readings err in common.
DEPTH_SHARE: Final = 0.03
SENSOR_SHARE: Final = 0.005
MIN_ANGLE: Final = np.radians(1.5)  # between rays of a point without depth, as COLMAP wants it
HUBER: Final = 2.0  # pixels, beyond which an observation loses weight


def triangulate(views: Sequence[View], tracks: Tracks, limit: float = LINKED) -> SparsePoints:
    """Points of the tracks, black; what they miss by more than the limit [pixels of an image of
    usual size] is left out, and so is a point that no two views see from different sides and none
    with depth."""
    cameras = Cameras.of(
        np.array([view.T_world_camera for view in views]), [view.intrinsics for view in views]
    )
    pixels, depths, spread = _observed(views, tracks)
    count = len(tracks.starts) - 1
    points = SparsePoints(
        np.zeros((count, 3)),
        np.zeros((count, 3), np.uint8),
        tracks.starts,
        tracks.views,
        pixels,
        np.zeros(len(pixels)),
    )
    limits = np.array([limit_of(view, limit) for view in views])
    for _ in range(2):  # the second time without what the first showed to be wrong
        points = _placed(cameras, points, depths, spread)
        kept = (points.errors <= limits[points.views]) & _is_certain(cameras, points, depths)
        fewer = np.bincount(points.of[kept], minlength=len(points))[points.of]
        depths, spread = (values[kept & (fewer >= 2)] for values in (depths, spread))
        points = points.with_observations(kept)
    return points


def placed_again(cameras: Cameras, points: SparsePoints) -> SparsePoints:
    """The same points where their rays meet by these cameras, from where they are; with errors.

    Those that do not come nearer, as rays that are almost parallel may not, stay.
    """
    stayed = with_errors(cameras, points)
    none = np.zeros(len(points.views))
    positions = _descended(cameras, points, none, none + 1)
    came = with_errors(cameras, replace(points, positions=positions))
    better = came.mean_errors < stayed.mean_errors
    chosen = np.where(better[:, None], came.positions, stayed.positions)
    errors = np.where(better[points.of], came.errors, stayed.errors)
    return replace(points, positions=chosen, errors=errors)


def with_errors(cameras: Cameras, points: SparsePoints) -> SparsePoints:
    """The points with the errors that they have by these cameras."""
    errors = cameras.errors(points.positions[points.of], points.views, points.pixels)
    return replace(points, errors=errors)


def well_seen(views: Sequence[View], points: SparsePoints) -> SparsePoints:
    """Without what misses by more than matches of features do."""
    limits = np.array([limit_of(view, REPROJECTION_PIXELS) for view in views])
    return points.with_observations(points.errors <= limits[points.views])


def _observed(
    views: Sequence[View], tracks: Tracks
) -> tuple[Float64[np.ndarray, "o 2"], Float64[np.ndarray, " o"], Float64[np.ndarray, " o"]]:
    """Pixels, depths and their deviations of the observations, world units; depth 0 = none."""
    pixels = np.zeros((len(tracks.views), 2))
    depths, spread = np.zeros(len(tracks.views)), np.ones(len(tracks.views))
    for number, view in enumerate(views):
        rows = np.flatnonzero(tracks.views == number)
        pixels[rows] = view.features.pixels[tracks.features[rows]]
        local = view.features.points[tracks.features[rows], 2].astype(float)
        local = np.where(np.isfinite(local) & (local > 0), local, 0.0)
        depths[rows] = view.scale * local
        spread[rows] = view.scale * _deviation(view, local)
    return pixels, depths, spread


def _deviation(view: View, depth: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Of depths in the view's units; 1 where there is none."""
    if not view.noise.is_measured:
        return np.where(depth > 0, DEPTH_SHARE * depth, 1.0)
    noise = np.array([view.noise.sigma(each) for each in depth.tolist()])
    return np.where(depth > 0, np.hypot(noise, SENSOR_SHARE * depth), 1.0)


def _placed(
    cameras: Cameras, points: SparsePoints, depths: np.ndarray, spread: np.ndarray
) -> SparsePoints:
    positions = _starts(cameras, points, depths)
    positions = _descended(cameras, replace(points, positions=positions), depths, spread)
    return with_errors(cameras, replace(points, positions=positions))


def _starts(cameras: Cameras, points: SparsePoints, depths: np.ndarray) -> np.ndarray:
    """(P, 3): the mean of the points that were measured; else where the rays come nearest."""
    of, views = points.of, points.views
    rays = np.c_[(points.pixels - cameras.centre[views]) / cameras.focal[views], np.ones(len(of))]
    back = np.swapaxes(cameras.rotations[views], 1, 2)
    centres = -np.einsum("nij,nj->ni", back, cameras.translations[views])
    directions = np.einsum("nij,nj->ni", back, rays)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    across = np.eye(3) - unit[:, :, None] * unit[:, None, :]
    known = depths > 0
    weight = np.where(known, 1.0, 1e-9)[:, None]
    measured = weight * (centres + directions * np.where(known, depths, 1.0)[:, None])
    A, b, mean, total = (
        _summed(values, points)
        for values in (across, np.einsum("nij,nj->ni", across, centres), measured, weight)
    )
    nearest = np.linalg.solve(A + 1e-9 * np.eye(3), b[..., None])[..., 0]
    return np.where(total > 0.5, mean / total, nearest)


def _summed(values: np.ndarray, points: SparsePoints) -> np.ndarray:
    """Rows of the observations, added up by point."""
    if not len(points):
        return np.zeros((0, *values.shape[1:]))
    return np.asarray(np.add.reduceat(values, points.starts[:-1], axis=0))


def _descended(
    cameras: Cameras, points: SparsePoints, depths: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """(P, 3): positions of least squared error, pixels and depths together."""
    of, views, X = points.of, points.views, points.positions
    known = depths > 0
    for _ in range(STEPS):
        seen = cameras.seen(X[of], views)
        z = np.maximum(seen[:, 2], NEAREST)
        off = points.pixels - cameras.pixels(seen, views)
        weight = np.minimum(1.0, HUBER / np.maximum(np.linalg.norm(off, axis=1), 1e-9))
        J = np.zeros((len(of), 3, 3))
        J[:, 0, 0], J[:, 1, 1] = (cameras.focal[views] / z[:, None]).T
        J[:, :2, 2] = -cameras.focal[views] * seen[:, :2] / (z * z)[:, None]
        J[:, 2, 2] = np.where(known, 1 / spread, 0.0)
        residual = np.c_[off, np.where(known, (depths - z) / spread, 0.0)]
        scale = np.sqrt(np.c_[weight, weight, _depth_weight(residual[:, 2])])
        J = (scale[:, :, None] * J) @ cameras.rotations[views]
        H = _summed(np.swapaxes(J, 1, 2) @ J, points)
        g = _summed(np.einsum("nij,ni->nj", J, scale * residual), points)
        damping = (1e-6 * np.trace(H, axis1=1, axis2=2) + 1e-12)[:, None, None] * np.eye(3)
        X = X + np.linalg.solve(H + damping, g[..., None])[..., 0]
    return np.asarray(X)


def _depth_weight(residual: np.ndarray) -> np.ndarray:
    return np.minimum(1.0, HUBER / np.maximum(np.abs(residual), 1e-9))


def _is_certain(cameras: Cameras, points: SparsePoints, depths: np.ndarray) -> np.ndarray:
    """(O,): whether somebody measured the point's depth, or its rays meet at some angle."""
    back = np.swapaxes(cameras.rotations[points.views], 1, 2)
    centres = -np.einsum("nij,nj->ni", back, cameras.translations[points.views])
    rays = points.positions[points.of] - centres
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), NEAREST)
    mean = _summed(rays, points)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), NEAREST)
    cosine = (rays * mean[points.of]).sum(1)
    widest = np.arccos(np.clip(_summed_min(cosine, points), -1, 1))  # half of it, or a little more
    certain = (2 * widest >= MIN_ANGLE) | (_summed(depths, points) > 0)
    return np.asarray(certain[points.of])


def _summed_min(values: np.ndarray, points: SparsePoints) -> np.ndarray:
    if not len(points):
        return np.zeros(0)
    return np.asarray(np.minimum.reduceat(values, points.starts[:-1]))
