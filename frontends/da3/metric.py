"""Metres by METRIC, whose depth is told per focal length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.frontends.da3.network import FEWEST_PIXELS, SAMPLE, SKY, SKY_QUANTILE

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

FOCAL: Final = 300.0  # pixels at which the network's depth is metres
NEAREST_M: Final = 0.01
NEAREST: Final = 1e-3  # of an up-to-scale depth
FARTHEST_M: Final = 200.0  # that the sky gets


def metric_depth(
    raw: Float[np.ndarray, "*n h w"], focal: Float[np.ndarray, " *n"] | float
) -> Float[np.ndarray, "*n h w"]:
    """Metres. focal: of the processed images, the mean of both [px]."""
    return raw * (np.asarray(focal)[..., None, None] / FOCAL)


def fitted_pixels(
    metres: Float[np.ndarray, "*n h w"],
    sky: Float[np.ndarray, "*n h w"],
    depth: Float[np.ndarray, "*n h w"],
    confidence: Float[np.ndarray, "*n h w"],
) -> Bool[np.ndarray, "*n h w"]:
    """Where both networks are worth comparing: no sky, and the surer half."""
    ground = sky < SKY
    if ground.sum() <= FEWEST_PIXELS:
        return np.zeros_like(ground)
    least = np.median(_sampled(confidence[ground]))
    return (confidence >= least) & ground & (metres > NEAREST_M) & (depth > NEAREST)


def metres_per_unit(
    metres: Float[np.ndarray, "*n h w"],
    depth: Float[np.ndarray, "*n h w"],
    mask: Bool[np.ndarray, "*n h w"],
) -> float:
    """One scale for all views, by least squares."""
    m, d = metres[mask].astype(np.float64), depth[mask].astype(np.float64)
    return float((m @ d) / (d @ d))


def with_metric_sky(
    depth: Float[np.ndarray, "*n h w"], sky: Float[np.ndarray, "*n h w"]
) -> Float[np.ndarray, "*n h w"]:
    """Metric depths of which the sky's are as far as the farthest others."""
    ground = sky < SKY
    far = min(float(np.quantile(_sampled(depth[ground]), SKY_QUANTILE)), FARTHEST_M)
    return np.where(ground, depth, far).astype(depth.dtype)


def _sampled(values: np.ndarray) -> np.ndarray:
    """Not more than SAMPLE of them, evenly; the published ones are drawn."""
    return values[:: max(1, -(-len(values) // SAMPLE))]
