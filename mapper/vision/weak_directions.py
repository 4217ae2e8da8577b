"""How much light counts in each direction of a motion: fully where planes tell little of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64

# What a pixel's plane tells of a motion by the scene's depth or by a radian, in inverse variances:
# of a direction of which it tells less, planes are a poor witness. As few independent residuals as
# an image has (8, see EdgeConfig) leave 1.6 % of the depth uncertain there.
WEAK_INFORMATION: Final = 500.0
EXPOSURE_DAMPING: Final = 1.0  # of an image in which nothing tells gain from offset


class Combined(NamedTuple):
    """Planes and light together; dof = 6 or 7.

    information: (dof, dof), symmetric. slope: (dof, dof), by which the gradient (dof,) changes with
    the pose: not symmetric, for light counts by direction. weakest: what a pixel's plane tells of
    the direction that planes know least.
    """

    information: Float64[np.ndarray, "n n"]
    slope: Float64[np.ndarray, "n n"]
    gradient: Float64[np.ndarray, " n"]
    weakest: float


def combined(
    of_planes: Float64[np.ndarray, "k k"],
    light: Float64[np.ndarray, "k k"],
    inliers: float,
    mean_depth: float,
    weights: tuple[float, float],
) -> Combined:
    """What planes and light tell, the light by direction; dof = k - 1.

    of_planes: (k, k), of `dense_residuals.accumulate`. light: see `without_exposure`. mean_depth:
    of the inliers, units. Along the eigenvectors of what the planes know (rotations in radians,
    translations in depths of the scene) the light weighs from the first of the weights, where they
    know the motion well, to the second, where they do not: structure that repeats or a floor that
    agrees with any slide would lead it astray, while light, which blur, reflections and a delay
    bias by fractions of a pixel, would only spoil what planes know better.

    A step is taken by the slope, not by the information. Light ties turning to going sideways, and
    a step that forgot that a direction of which planes are sure moves the light as well would go
    too far in the other: with an inexact depth camera by more each time.
    """
    planes = symmetric(of_planes)
    H, b = planes[:-1, :-1].copy(), planes[:-1, -1].copy()
    of_light, by_light = light[:-1, :-1], light[:-1, -1]
    where_strong, where_weak = weights
    unit = np.ones(len(b))
    unit[3:6] = mean_depth
    known, directions = np.linalg.eigh(unit[:, None] * H * unit / max(inliers, 1.0))
    weakest = float(known[0])
    if where_strong <= 0:
        return Combined(H, H, b, weakest)
    weakness = (WEAK_INFORMATION / (WEAK_INFORMATION + np.maximum(known, 0.0))) ** 2
    more = (where_weak - where_strong) * weakness
    # exp(x) in units of `unit`: a direction's projector is U v v^T U^-1 on x, its transpose on b.
    into = directions / unit[:, None]
    out_of = directions * unit[:, None]
    root = (into * np.sqrt(more)) @ out_of.T
    by_direction = where_strong * np.eye(len(b)) + (into * more) @ out_of.T
    return Combined(
        H + where_strong * of_light + root @ of_light @ root.T,
        H + by_direction @ of_light,
        b + by_direction @ by_light,
        weakest,
    )


def without_exposure(
    of_light: Float64[np.ndarray, "m m"],
) -> tuple[Float64[np.ndarray, "k k"], Float64[np.ndarray, "k 2"]]:
    """The light's products of pose and residual (k, k), k = dof + 1 = m - 2, with the two images'
    gain and offset at their best for each pose; and how these follow: minus (k, 2)^T times
    [step, 1] is what they change by.

    Cameras expose for what they see: were the intensities compared as they are, a brighter image
    would pull the pose to where the reference is brighter. Solved with the pose, as in Engel,
    Koltun, Cremers, "Direct sparse odometry", PAMI 2018, and eliminated.
    """
    products = symmetric(of_light)
    exposure, others = [-3, -2], [*range(len(products) - 3), len(products) - 1]
    known = products[np.ix_(exposure, exposure)] + EXPOSURE_DAMPING * np.eye(2)
    follow = np.linalg.solve(known, products[np.ix_(exposure, others)])
    reduced = products[np.ix_(others, others)] - products[np.ix_(others, exposure)] @ follow
    return reduced, follow.T


def symmetric(upper: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, "k k"]:
    """The symmetric matrix of an upper triangle."""
    return upper + np.triu(upper, 1).T
