"""How one chunk lies in the one before, by the points of the frames that both have.

Source: the chunk alignment of DA3-Streaming, by our own description of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mapper.core.geometry import rotation_angle
from mapper.frontends.keyframe_loop.scale import weighted_median

if TYPE_CHECKING:
    from jaxtyping import Float

Kind = Literal["sim3", "scale+se3", "se3"]
DELTA: Final = 0.1  # residual from which a point counts less, in the first chunk's units
ITERATIONS: Final = 5
TOLERANCE: Final = 1e-9
TURN: Final = np.deg2rad(0.1)
SURE: Final = 0.1  # share of the lower median confidence that a point must exceed
QUANTILE: Final = 0.9  # of depths' ratios, by weight


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """y = scale R x + t."""

    scale: float
    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, " 3"]

    def moved(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Points of the later chunk in the earlier."""
        return self.scale * points @ self.R.T + self.t

    def after(self, inner: Similarity) -> Similarity:
        """This one of what `inner` moved."""
        t = self.scale * self.R @ inner.t + self.t
        return Similarity(self.scale * inner.scale, self.R @ inner.R, t)

    def inverse(self) -> Similarity:
        """The other way."""
        return Similarity(1 / self.scale, self.R.T, -self.R.T @ self.t / self.scale)


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The common frames as one chunk has them. confidence: above 0. depth: along z."""

    points: Float[np.ndarray, "n h w 3"]
    depth: Float[np.ndarray, "n h w"]
    confidence: Float[np.ndarray, "n h w"]


def threshold_of(earlier: Overlap, later: Overlap) -> float:
    """The confidence that a point must exceed in both."""
    return SURE * min(float(np.median(o.confidence)) for o in (earlier, later))


def similarity_of(earlier: Overlap, later: Overlap, kind: Kind = "sim3") -> Similarity:
    """From the later chunk into the earlier one.

    kind: sim3 = the scale with the rest, scale+se3 = from the depths first, se3 = none.
    """
    sure = threshold_of(earlier, later)
    mask = (earlier.confidence > sure) & (later.confidence > sure)
    both = (earlier.confidence[mask] * later.confidence[mask]).astype(np.float64)
    x, y = (o.points[mask].astype(np.float64) for o in (later, earlier))
    if kind != "scale+se3":
        return reweighted(x, y, np.sqrt(both), kind == "sim3")
    scale = scale_of_depths(earlier.depth[mask], later.depth[mask], both)
    rigid = reweighted(scale * x, y, np.sqrt(both), False)
    return Similarity(scale, rigid.R, rigid.t)


def scale_of_depths(
    earlier: Float[np.ndarray, " n"], later: Float[np.ndarray, " n"], weights: np.ndarray
) -> float:
    """The ratio of depths up to which nine tenths of the weight lie; 1 where that is beyond reason.

    weights: products of both confidences, which count squared.
    """
    ratio = earlier.astype(np.float64) / later
    scale = weighted_median(ratio, weights**2, QUANTILE)
    return scale if 0.1 < scale < 10 else 1.0


def reweighted(
    x: Float[np.ndarray, "n 3"],
    y: Float[np.ndarray, "n 3"],
    weights: Float[np.ndarray, " n"],
    with_scale: bool,
) -> Similarity:
    """y ~ s R x + t, points that do not fit counting less from fit to fit. The fit of the iteration
    in which nothing changes any more is not taken."""
    share = weights / weights.sum()
    found = _fit(x, y, share, with_scale)
    before = np.inf
    for _ in range(ITERATIONS):
        residual = np.linalg.norm(y - found.moved(x), axis=-1)
        small = residual <= DELTA
        loss = np.where(small, residual**2 / 2, DELTA * (residual - DELTA / 2))
        error = float((share * loss).sum())
        huber = np.where(small, 1.0, DELTA / np.maximum(residual, DELTA))
        now = share * huber
        again = _fit(x, y, now / now.sum(), with_scale)
        moved = abs(again.scale - found.scale) + float(np.linalg.norm(again.t - found.t))
        turned = rotation_angle(found.R.T @ again.R)
        if (moved < TOLERANCE and turned < TURN) or abs(before - error) < TOLERANCE * before:
            return found
        found, before = again, error
    return found


def _fit(x: np.ndarray, y: np.ndarray, share: np.ndarray, with_scale: bool) -> Similarity:
    """By weights of sum 1; the scale is the ratio of the spreads."""
    mean_x, mean_y = share @ x, share @ y
    dx, dy = x - mean_x, y - mean_y
    scale = 1.0
    if with_scale:
        scale = float(np.sqrt((share @ (dy**2).sum(-1)) / (share @ (dx**2).sum(-1))))
    U, _, Vt = np.linalg.svd((share[:, None] * dy).T @ (scale * dx))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    R = (U * signs) @ Vt
    return Similarity(scale, R, mean_y - scale * R @ mean_x)
