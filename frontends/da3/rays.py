"""Cameras out of the rays that a view's pixels are predicted to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

PARALLEL: Final = 1e-4  # along z, below which a direction meets no plane in front
SURE: Final = 0.3  # share of the rays that samples are drawn from
TRIALS, SAMPLE = 100, 8
NEAR: Final = 0.2  # in the plane at distance 1, within which a ray agrees
MOST: Final = 8000  # rays of the last fit
KEPT: Final = 0.95  # share of the surest that these are drawn from
SEED: Final = 0


@dataclass(frozen=True, slots=True, eq=False)
class RayCameras:
    """T_world_camera: (S, 4, 4). focal, principal: (S, 2), of half the width and the height."""

    T_world_camera: Float[np.ndarray, "s 4 4"]
    focal: Float[np.ndarray, "s 2"]
    principal: Float[np.ndarray, "s 2"]

    def intrinsics(self, height: int, width: int) -> Float[np.ndarray, "s 3 3"]:
        """In pixels."""
        K = np.zeros((len(self.focal), 3, 3))
        half = np.array([width, height]) / 2
        K[:, [0, 1], [0, 1]] = self.focal * half
        K[:, :2, 2] = self.principal * half
        K[:, 2, 2] = 1
        return K


def cameras_of_rays(
    rays: Float[np.ndarray, "s h w 6"],
    confidence: Float[np.ndarray, "s h w"],
    samples: Int[np.ndarray, "trials n"] | None = None,
    published: bool = False,
) -> RayCameras:
    """The camera of each view. rays: direction and origin.

    samples: places in the order of confidence; None = drawn, always the same. published: factors as
    the authors do, which is right for cameras whose principal point is in the middle.
    """
    if samples is None:
        samples = drawn_samples(confidence[0].size)
    views = [_camera(r, c, samples, published) for r, c in zip(rays, confidence, strict=True)]
    poses, focals, principals = (np.stack(part) for part in zip(*views, strict=True))
    return RayCameras(poses, focals, principals)


def drawn_samples(rays: int) -> Int[np.ndarray, "trials n"]:
    """Places among the surest rays, each sample without repetition."""
    rng = np.random.default_rng(SEED)
    surest = max(SAMPLE, int(SURE * rays))
    return np.stack([rng.permutation(surest)[:SAMPLE] for _ in range(TRIALS)])


def _camera(
    rays: np.ndarray, confidence: np.ndarray, samples: np.ndarray, published: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = confidence.shape
    points = _plane(height, width)
    direction, origin = np.split(rays.reshape(-1, 6).astype(np.float64), 2, axis=-1)
    valid = np.abs(direction[:, 2]) > PARALLEL
    weights = np.where(valid, confidence.reshape(-1).astype(np.float64), 0.0)
    seen = direction[:, :2] / np.where(valid, direction[:, 2], 1.0)[:, None]
    A = _homography(points, seen, weights, samples)
    R, focal, principal = _factors(A, published)
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = weights @ origin / weights.sum()
    return T, focal, principal


def _plane(height: int, width: int) -> np.ndarray:
    """(h w, 3): pixel centres as (x, y, 1), the image's borders at -1 and 1."""
    x = np.linspace(-1 + 1 / width, 1 - 1 / width, width)
    y = np.linspace(-1 + 1 / height, 1 - 1 / height, height)
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    return np.concatenate([grid, np.ones_like(grid[:, :1])], 1)


def _homography(
    points: np.ndarray, seen: np.ndarray, weights: np.ndarray, samples: np.ndarray
) -> np.ndarray:
    """A with (seen, 1) ~ A point, by sampling and then by all that agree."""
    order = np.argsort(-weights, kind="stable")
    chosen = order[samples]
    candidates = _fitted(points[chosen], seen[chosen], weights[chosen])
    agree = [_distance(A, points, seen) < NEAR for A in candidates]
    scores = [weights[inliers].sum() for inliers in agree]
    inliers = np.flatnonzero(agree[int(np.argmax(scores))])
    if len(inliers) > MOST:
        surest = inliers[np.argsort(-weights[inliers], kind="stable")]
        surest = surest[: max(MOST, int(KEPT * len(surest)))]
        inliers = np.random.default_rng(SEED).choice(surest, MOST, replace=False)
    return _fitted(points[inliers][None], seen[inliers][None], weights[inliers][None])[0]


def _fitted(points: np.ndarray, seen: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(k, 3, 3) by the direct linear transform of (k, n) weighted pairs."""
    zero = np.zeros_like(points)
    u, v = seen[..., :1], seen[..., 1:]
    rows = np.concatenate(
        [
            np.concatenate([points, zero, -u * points], -1),
            np.concatenate([zero, points, -v * points], -1),
        ],
        -2,
    )
    rows = rows * np.sqrt(np.concatenate([weights, weights], -1))[..., None]
    # The direction in which the rows are least; of nine numbers, whatever the rows' count.
    smallest = np.linalg.eigh(np.swapaxes(rows, -1, -2) @ rows)[1][..., 0]
    A = smallest.reshape(*smallest.shape[:-1], 3, 3)
    return A / A[..., 2:, 2:]


def _distance(A: np.ndarray, points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    mapped = points @ A.T
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = mapped[:, :2] / mapped[:, 2:] - seen
    return np.nan_to_num(np.linalg.norm(offset, axis=-1), nan=np.inf)


def _factors(A: np.ndarray, published: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A = R U into a rotation and the inverse of a camera: (R, focal, principal)."""
    A = -A if np.linalg.det(A) < 0 else A
    if published:
        flip = np.eye(3)[::-1]
        Q, U = np.linalg.qr(A @ flip)
        R, L = Q @ flip, flip @ U @ flip
        signs = np.where(np.diag(L) < 0, -1.0, 1.0)
        R, L = R * signs, signs[:, None] * L
        L = L / L[2, 2]
        return R, 1 / np.diag(L)[:2], L[2, :2] + 1
    R, U = np.linalg.qr(A)
    signs = np.where(np.diag(U) < 0, -1.0, 1.0)
    R, U = R * signs, signs[:, None] * U
    K = np.linalg.inv(U / U[2, 2])
    return R, np.diag(K)[:2], K[:2, 2] + 1
