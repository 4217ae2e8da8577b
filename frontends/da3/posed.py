"""Predictions under given poses: how the given cameras lie in what the network says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.spatial import cKDTree

from mapper.core.geometry import inverse, transform, umeyama
from mapper.core.sim3 import similarity
from mapper.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FEWEST_ROBUST: Final = 10  # views from which outliers are looked for
TRIALS: Final = 10
SEED: Final = 42
FEWEST: Final = 3  # points of a fit
COLLINEAR: Final = 1e-3  # share of the spread below which centres lie on a line
STANDING: Final = 1e-6  # share of the largest distance below which centres are one

Fit = tuple[float, "Float[np.ndarray, '4 4']"]  # (s, T): predicted = s R given + t


def fit_of(predicted: Float[np.ndarray, "s 4 4"], given: Float[np.ndarray, "s 4 4"]) -> Fit:
    """The similarity from given camera centres to predicted ones; poses are T_world_camera.

    Where the centres lie on a line, or are two, its scale is that of their distances, and it turns
    as the first view does. InputError where all centres are one: then there is no scale.
    """
    p, g = predicted[:, :3, 3].astype(np.float64), given[:, :3, 3].astype(np.float64)
    if _is_line(g) or _is_line(p):
        return _by_distances(predicted.astype(np.float64), given.astype(np.float64))
    if len(p) < FEWEST_ROBUST:
        return umeyama(g, p, True)
    return _robust(p, g)


def samples_of(views: int) -> Int[np.ndarray, "trials n"]:
    """The views that each trial of the robust fit takes; always the same."""
    rng = np.random.default_rng(SEED)
    count = max(FEWEST, (views + 1) // 2)
    return np.stack([rng.choice(views, count, replace=False) for _ in range(TRIALS)])


def moved(given: Float[np.ndarray, "s 4 4"], fit: Fit) -> Float[np.ndarray, "s 4 4"]:
    """Given poses, T_world_camera, in the frame and the scale of the prediction."""
    scale, T = fit
    result = given.astype(np.float64)
    result[:, :3, :3] = T[:3, :3] @ result[:, :3, :3]
    result[:, :3, 3] = transform(similarity(scale, T), given[:, :3, 3].astype(np.float64))
    return result


def _robust(p: np.ndarray, g: np.ndarray) -> Fit:
    first = similarity(*umeyama(g, p, True))
    nearest = cKDTree(p).query(transform(first, g))[0]
    threshold = float(np.median(nearest))
    best: tuple[int, float] | None = None
    inliers = np.zeros(len(p), bool)
    for sample in samples_of(len(p)):
        if _is_line(g[sample]) or _is_line(p[sample]):
            continue
        S = similarity(*umeyama(g[sample], p[sample], True))
        errors = np.linalg.norm(transform(S, g) - p, axis=-1)
        agree = errors <= threshold
        merit = int(agree.sum()), -float(errors[agree].mean()) if agree.any() else -np.inf
        if best is None or merit > best:
            best, inliers = merit, agree
    if inliers.sum() < FEWEST or _is_line(g[inliers]):
        return umeyama(g, p, True)
    return umeyama(g[inliers], p[inliers], True)


def _by_distances(predicted: np.ndarray, given: np.ndarray) -> Fit:
    p, g = predicted[:, :3, 3], given[:, :3, 3]
    spread_p, spread_g = (np.linalg.norm(c - c.mean(0), axis=-1).sum() for c in (p, g))
    largest = max(1.0, float(np.abs(g).max()))
    if len(g) < 2 or spread_g <= STANDING * largest or spread_p <= 0:
        raise InputError("given poses of one place alone tell no scale: more views are needed")
    scale = float(spread_p / spread_g)
    T = predicted[0] @ inverse(given[0])
    T[:3, 3] = p.mean(0) - scale * T[:3, :3] @ g.mean(0)
    return scale, T


def _is_line(centres: np.ndarray) -> bool:
    if len(centres) < FEWEST:
        return True
    spread = np.linalg.svd(centres - centres.mean(0), compute_uv=False)
    return bool(spread[1] <= COLLINEAR * spread[0])
