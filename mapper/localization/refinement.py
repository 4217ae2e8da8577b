"""The pose that matched points of many keyframes say, and where it is unknown the focal length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.geometry import exp_se3, inverse, transform
from mapper.core.intrinsics import Intrinsics
from mapper.localization.pooled_matches import PooledMatches, agreeing_pixels
from mapper.vision.image_sizes import smallness

if TYPE_CHECKING:
    from jaxtyping import Float64

ROUNDS: Final = 12
SHORT: Final = 1e-7  # radians and shares of the depth: a step that changes nothing
PIXEL: Final = 1.0  # deviation of a feature's place; more in proportion in images that are reduced
ROBUST: Final = 2.0  # deviations, beyond which a match pulls no harder
LEAST: Final = 6  # matches
DAMPING: Final = 1e-9
# By how much errors in rooms by seed (6230 to 6232) are larger than residuals let expect, so that
# 90 % of them lie within 2.5 deviations.
UNSEEN_BY_DEPTH: Final = 3.0
UNSEEN_BY_FEATURES: Final = 5.0
INDEPENDENT: Final = 3.0  # points of a map that err together: its keyframes are off as a whole


@dataclass(frozen=True, slots=True)
class Refined:
    """T_world_camera: (4, 4). covariance: (6, 6), of a twist in the camera, rotation [rad], then
    translation [units]. focal_sigma: of its logarithm; 0 where it was known."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    camera: Intrinsics
    covariance: Float64[np.ndarray, "6 6"]
    focal_sigma: float = 0.0


def largest_sigmas(covariance: Float64[np.ndarray, "6 6"]) -> tuple[float, float]:
    """(radians, units): of a twist's covariance, the largest deviation in any direction."""
    parts = covariance[:3, :3], covariance[3:, 3:]
    rotation, translation = (float(np.sqrt(np.linalg.eigvalsh(part)[-1])) for part in parts)
    return rotation, translation


def told_sigmas(covariance: Float64[np.ndarray, "6 6"], by_depth: bool) -> tuple[float, float]:
    """(radians, units): deviations as they are told. What all points have in common, as a colour
    camera that is not where the depth camera has it, shows in no residual and does not average out.
    by_depth: the image's own depth placed it."""
    rotation, translation = largest_sigmas(covariance)
    factor = UNSEEN_BY_DEPTH if by_depth else UNSEEN_BY_FEATURES
    return factor * rotation, factor * translation


def refined(
    matches: PooledMatches,
    T_world_camera: Float64[np.ndarray, "4 4"],
    camera: Intrinsics,
    with_focal: bool = False,
) -> Refined | None:
    """Gauss-Newton over the matches that agree, chosen anew each round; None of too few.

    A point that its keyframe saw at a depth it is not sure of counts less where it is seen from
    the side. with_focal: the focal length is solved too.
    """
    T_camera_world, dof = inverse(T_world_camera), 7 if with_focal else 6
    information = np.zeros((dof, dof))
    for _ in range(ROUNDS):
        near = matches.off(inverse(T_camera_world), camera) <= agreeing_pixels(camera)
        chosen = matches.chosen(near)
        if len(np.unique(chosen.features)) < LEAST:
            return None
        information, gradient = _normal_equations(chosen, T_camera_world, camera, dof)
        damped = information + DAMPING * np.trace(information) * np.eye(dof)
        step = -np.linalg.solve(damped, gradient)
        T_camera_world = exp_se3(step[:6]) @ T_camera_world
        if with_focal:
            factor = float(np.exp(np.clip(step[6], -0.1, 0.1)))
            camera = replace(camera, fx=camera.fx * factor, fy=camera.fy * factor)
        if np.abs(step).max() < SHORT:
            break
    covariance = np.linalg.inv(information + DAMPING * np.trace(information) * np.eye(dof))
    covariance *= INDEPENDENT
    focal_sigma = float(np.sqrt(covariance[6, 6])) if with_focal else 0.0
    return Refined(inverse(T_camera_world), camera, covariance[:6, :6], focal_sigma)


def _normal_equations(
    matches: PooledMatches, T_camera_world: np.ndarray, camera: Intrinsics, dof: int
) -> tuple[np.ndarray, np.ndarray]:
    """Information (dof, dof) and gradient (dof,) of a left-multiplied twist, and log focal."""
    X = transform(T_camera_world, matches.points)
    x, y, z = X.T
    u, v = x / z, y / z
    to_pixel = np.zeros((len(X), 2, 3))
    to_pixel[:, 0, 0], to_pixel[:, 0, 2] = camera.fx / z, -camera.fx * u / z
    to_pixel[:, 1, 1], to_pixel[:, 1, 2] = camera.fy / z, -camera.fy * v / z
    residual = np.stack([camera.fx * u + camera.cx, camera.fy * v + camera.cy], 1) - matches.pixels
    turned = np.zeros((len(X), 3, 3))  # of X by a rotation: -[X]x
    turned[:, 0, 1], turned[:, 0, 2] = z, -y
    turned[:, 1, 0], turned[:, 1, 2] = -z, x
    turned[:, 2, 0], turned[:, 2, 1] = y, -x
    J = np.concatenate([to_pixel @ turned, to_pixel], axis=2)
    if dof == 7:
        by_focal = np.stack([camera.fx * u, camera.fy * v], 1)[:, :, None]
        J = np.concatenate([J, by_focal], axis=2)
    spread = np.einsum("mij,mj->mi", to_pixel @ T_camera_world[:3, :3], matches.spread)
    pixel = PIXEL / smallness(camera.width, camera.height)
    variance = pixel**2 + (spread**2).sum(1)
    length = np.linalg.norm(residual, axis=1) / np.sqrt(variance)
    weight = np.minimum(1.0, ROBUST / np.maximum(length, 1e-12)) / variance
    weight /= np.bincount(matches.features)[matches.features]  # a feature counts once
    information = np.einsum("mki,m,mkj->ij", J, weight, J)
    return information, np.einsum("mki,m,mk->i", J, weight, residual)
