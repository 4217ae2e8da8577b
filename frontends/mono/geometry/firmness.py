"""How firm a map is: how far its cameras may be from where they are, as a share of their spread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import umeyama
from mapper.frontends.mono.geometry.bundle import (
    FocalPrior,
    Observations,
    Scene,
    adjust,
    pose_covariance,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

LEAST_VIEWS: Final = 3  # two fit one another in too many ways
LEAST_POINTS: Final = 10
SMALLEST: Final = 1e-12  # of a squared spread
PARTS: Final = 4  # of the points, by their distance
ITERATIONS: Final = 8


def place_uncertainty(
    scene: Scene, seen: Observations, rms: float, refine: FocalPrior | None
) -> float:
    """Root mean square of the free cameras' places, as a share of the way that all spread.

    The first camera alone is held. By the errors of the points, rms pixels at the weight 1, which
    are taken as independent; what they have in common comes on top. It is not held against the
    length of the way: one that went to and fro was told then and off by a quarter of its spread.
    refine: the lens is unknown too. Infinite where there is next to nothing to go by.
    """
    if len(scene.points) < LEAST_POINTS or len(scene.poses) < LEAST_VIEWS:
        return np.inf
    free = len(scene.poses) - 1
    covariance = pose_covariance(scene, seen, refine)
    places = covariance.reshape(free, 6, free, 6)[:, 3:, :, 3:]
    variance = np.mean([np.trace(places[k, :, k]) for k in range(free)])
    return float(rms * np.sqrt(variance)) / _spread(_centres(scene))


def disagreement(scene: Scene, seen: Observations, refine: FocalPrior | None) -> float:
    """As place_uncertainty, by how far the cameras go where a quarter of the points is left out:
    the nearest, ..., the farthest.

    What errors have in common shows in it, which a covariance does not know: a focal length that
    is off, a motion that is mostly a turn and what moves put near and far points elsewhere. Source:
    the jackknife; Quenouille, "Notes on bias in estimation", 1956.
    """
    if len(scene.points) < PARTS * LEAST_POINTS or len(scene.poses) < LEAST_VIEWS:
        return np.inf
    scene = adjust(scene, seen, ITERATIONS, refine)
    centres = _centres(scene)
    distances = np.linalg.norm(scene.points - centres.mean(0), axis=1)
    parts = (
        np.argsort(np.argsort(distances, kind="stable"), kind="stable") * PARTS // len(distances)
    )
    squares = []
    for part in range(PARTS):
        kept = parts != part
        rest = replace(scene, points=scene.points[kept].copy(), errors=None)
        moved = _centres(adjust(rest, _of_points(seen, kept), ITERATIONS, refine))
        scale, T = umeyama(moved, centres, with_scale=True)
        off = scale * moved @ T[:3, :3].T + T[:3, 3] - centres
        squares.append(np.mean((off**2).sum(1)))
    return float(np.sqrt((PARTS - 1) / PARTS * np.sum(squares))) / _spread(centres)


def _centres(scene: Scene) -> Float64[np.ndarray, "k 3"]:
    """Of the cameras."""
    return -np.einsum("kji,kj->ki", scene.poses[:, :, :3], scene.poses[:, :, 3])


def _spread(centres: Float64[np.ndarray, "k 3"]) -> float:
    """Root mean square of their distances from their mean."""
    return float(np.sqrt(max(np.mean(((centres - centres.mean(0)) ** 2).sum(1)), SMALLEST)))


def _of_points(seen: Observations, kept: Bool[np.ndarray, " p"]) -> Observations:
    """What was seen of some of the points."""
    counts = np.diff(seen.starts)
    those = np.repeat(kept, counts)
    starts = np.concatenate([[0], np.cumsum(counts[kept])])
    drifts = None if seen.drifts is None else seen.drifts[those]
    return Observations(starts, seen.views[those], seen.pixels[those], seen.weights[those], drifts)
