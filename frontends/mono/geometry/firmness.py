"""How firm a map is: how far its cameras may be from where they are, as a share of their spread."""

from __future__ import annotations

from typing import Final

import numpy as np

from mapper.frontends.mono.geometry.bundle import (
    FocalPrior,
    Observations,
    Scene,
    pose_covariance,
)

LEAST_VIEWS: Final = 3  # two fit one another in too many ways
LEAST_POINTS: Final = 10
SMALLEST: Final = 1e-12  # of a squared spread


def place_uncertainty(
    scene: Scene, seen: Observations, rms: float, refine: FocalPrior | None
) -> float:
    """Root mean square of the free cameras' places, as a share of the way that all spread.

    The first camera alone is held. By the errors of the points, rms pixels at the weight 1, which
    are taken as independent; what they have in common, such as a rolling shutter, comes on top.
    refine: the lens is unknown too. Infinite where there is next to nothing to go by.
    """
    if len(scene.points) < LEAST_POINTS or len(scene.poses) < LEAST_VIEWS:
        return np.inf
    poses, free = scene.poses, len(scene.poses) - 1
    covariance = pose_covariance(scene, seen, refine)
    centres = -np.einsum("kji,kj->ki", poses[:, :, :3], poses[:, :, 3])
    places = covariance.reshape(free, 6, free, 6)[:, 3:, :, 3:]
    variance = np.mean([np.trace(places[k, :, k]) for k in range(free)])
    spread = np.mean(((centres - centres.mean(0)) ** 2).sum(1))
    return float(rms * np.sqrt(variance / max(spread, SMALLEST)))
