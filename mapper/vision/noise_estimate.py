"""How noisy a depth camera is, told by its own images: most of a room is flat, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from mapper.core.camera_kinds import ESTIMATED
from mapper.core.camera_noise import FORMER, CameraNoise
from mapper.core.depth_noise import NEAREST, STRUCTURED_LIGHT, DepthNoise

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

TILE_SIDE: Final = 16  # pixels of those that are looked at: errors are alike in fewer
PIXELS_ACROSS: Final = 320  # of those
FILLED: Final = 0.8  # share of a tile's pixels with a reading
DEEPEST: Final = 0.3  # of its depth, by which a tile's readings may differ; others hold an edge
CLIPPED: Final = 4.0  # deviations from the plane beyond which a reading is of something else
FLAT_SHARE: Final = 0.4  # of the tiles at a depth are flat at least: the rest is furniture
BIN: Final = 1.2  # ratio of the depths of two bins
TILES_IN_BIN: Final = 12
WEIGHT_TILES: Final = 100  # a bin with more counts no more
SPAN: Final = 1.5  # ratio of depths below which their noise tells nothing of other depths
SCALES: Final = (0.25, 8.0)  # of the structured light's, where only its scale can be told
# Less is not believed: what is alike over a whole tile, as light that came round a corner, does not
# show in a plane's residuals. No camera's systematic error is published as less than this.
LEAST: Final = DepthNoise(0.0005, 0.0015, 0.0)
CLOSE, DISTANT = 1.0, 4.0  # metres


def estimated_noise(depths: Iterable[Float32[np.ndarray, "h w"]]) -> CameraNoise:
    """By a camera's first depth images (H, W), metres, 0 = none; structured light's where they
    do not tell."""
    noise = estimate_noise(depths)
    if noise is None:
        return CameraNoise(FORMER, STRUCTURED_LIGHT, "unknown, and the depth does not tell")
    return CameraNoise(ESTIMATED, noise, "by its scatter about planes")


def estimate_noise(depths: Iterable[Float32[np.ndarray, "h w"]]) -> DepthNoise | None:
    """The noise that explains how readings scatter about planes fitted to small tiles; None where
    too little is flat.

    An image's tiles at one depth scatter alike where they are flat and more where they are not,
    so that of each depth a low quantile counts.
    """
    tiles = [_tiles(depth) for depth in depths]
    if not tiles:
        return None
    found = _by_depth(*np.concatenate(tiles, axis=1))
    if len(found[0]) == 0:
        return None
    z, sigma, weight = found
    if z[-1] < SPAN * z[0]:
        ratio = np.median(sigma / [STRUCTURED_LIGHT.sigma(one) for one in z])
        scale = float(np.clip(ratio, *SCALES))
        return DepthNoise(scale * STRUCTURED_LIGHT.floor, 0.0, scale * STRUCTURED_LIGHT.quadratic)
    # The error that counts is relative, or the far depths alone would decide.
    columns = np.stack([np.ones_like(z), z, (z - NEAREST) ** 2], axis=1) / sigma[:, None]
    coefficients, _ = nnls(columns * weight[:, None], weight)
    return _at_least(DepthNoise(*coefficients.tolist()))


def _at_least(noise: DepthNoise) -> DepthNoise:
    """The noise, raised by a straight line where it is below LEAST near by or far away."""
    (near, short), (far, shorter) = (
        (z, max(0.0, LEAST.sigma(z) - noise.sigma(z))) for z in (CLOSE, DISTANT)
    )
    slope = max(0.0, (shorter - short) / (far - near))
    floor = noise.floor + max(0.0, short - slope * near)
    return DepthNoise(max(floor, LEAST.floor), noise.relative + slope, noise.quadratic)


def _tiles(depth: Float32[np.ndarray, "h w"]) -> Float[np.ndarray, "2 n"]:
    """Depth and standard deviation about its plane, metres, of each tile that may be flat."""
    step = max(1, depth.shape[1] // PIXELS_ACROSS)
    depth, side = depth[::step, ::step], TILE_SIDE
    rows, columns = depth.shape[0] // side, depth.shape[1] // side
    blocks = depth[: rows * side, : columns * side].reshape(rows, side, columns, side)
    z = blocks.transpose(0, 2, 1, 3).reshape(rows * columns, side * side).astype(np.float64)
    seen = z > 0
    far, near = z.max(axis=1, initial=0), np.where(seen, z, np.inf).min(axis=1, initial=np.inf)
    chosen = (seen.mean(axis=1) >= FILLED) & (far <= near * (1 + DEEPEST))
    z, seen = z[chosen], seen[chosen]
    if len(z) == 0:
        return np.empty((2, 0))
    inverse = np.where(seen, 1 / np.where(seen, z, 1), 0)
    middle = inverse.sum(axis=1) / seen.sum(axis=1)
    residual = _about_planes(inverse, seen, side)
    usual = 1.4826 * _masked_median(np.abs(residual), seen)
    kept = seen & (np.abs(residual) <= np.where(usual > 0, CLIPPED * usual, np.inf)[:, None])
    residual = _about_planes(inverse, kept, side)
    freedom = np.maximum(kept.sum(axis=1) - 3, 1)
    deviation = np.sqrt((np.where(kept, residual, 0) ** 2).sum(axis=1) / freedom)
    return np.stack([1 / middle, deviation / middle**2])


def _about_planes(
    inverse: Float[np.ndarray, "n k"], counted: np.ndarray, side: int
) -> Float[np.ndarray, "n k"]:
    """Residuals of inverse depth, in which a plane is affine, about each tile's best plane."""
    steps = np.arange(side) - (side - 1) / 2
    v, u = np.meshgrid(steps, steps, indexing="ij")
    A = np.stack([np.ones(side * side), u.ravel(), v.ravel()], axis=1)
    normal = np.einsum("nk,ki,kj->nij", counted.astype(float), A, A) + 1e-9 * np.eye(3)
    right = np.where(counted, inverse, 0) @ A
    plane = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    return np.asarray(inverse - plane @ A.T)


def _masked_median(values: Float[np.ndarray, "n k"], counted: np.ndarray) -> np.ndarray:
    """(n,): of each row's counted values."""
    return np.asarray(np.nanmedian(np.where(counted, values, np.nan), axis=1))


def _by_depth(
    z: Float[np.ndarray, " n"], sigma: Float[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth, standard deviation and weight of each bin of depths with enough tiles."""
    number = np.floor(np.log(np.maximum(z, 1e-3)) / np.log(BIN)).astype(int)
    bins = [number == one for one in np.unique(number)]
    bins = [chosen for chosen in bins if np.count_nonzero(chosen) >= TILES_IN_BIN]
    depth = np.array([np.median(z[chosen]) for chosen in bins])
    deviation = np.array([np.quantile(sigma[chosen], FLAT_SHARE) for chosen in bins])
    count = np.array([min(np.count_nonzero(chosen), WEIGHT_TILES) for chosen in bins])
    return depth, np.maximum(deviation, 1e-5), np.sqrt(count)
