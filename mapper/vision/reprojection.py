"""A pixel of one view, found again in another: compiled, and the same for all who compare views.

Kernels call these functions in their own loops; they are inlined there. A similarity's scale is
part of R.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mapper.core.depth_noise import depth_sigma
from mapper.core.intrinsics import Intrinsics
from mapper.runtime.kernels import kernel

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

f32 = np.float32


class Camera(NamedTuple):
    """Focal lengths and principal point, pixels. float32, or float64 where all else is."""

    fx: np.float32
    fy: np.float32
    cx: np.float32
    cy: np.float32


class Motion(NamedTuple):
    """X_b = R X_a + t, R (3, 3) and t (3,), of the camera's precision."""

    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, " 3"]


class DepthView(NamedTuple):
    """depth: float32 (H, W), 0 = none. weight: float32 (H, W), confidence."""

    depth: Float32[np.ndarray, "h w"]
    weight: Float32[np.ndarray, "h w"]
    camera: Camera


class Tolerance(NamedTuple):
    """How far depths of one surface may lie apart: sigmas of the noise and a share of the depth."""

    sigmas: np.float32
    share: np.float32


NEAREST: Final = f32(0.05)  # units: what lies nearer to a camera than this is not seen by it
# Measured on redkitchen at the true poses, of depth readings less than 15 cm apart (further apart
# they are of two surfaces), half of which are seen from within 2 m.
# Of points that only count as shared or not, at the frontend's own poses: hidden is what is clearly
# behind a surface. 7 cm for half of them; 99 % of the readings of one surface lie within.
HIDDEN: Final = Tolerance(f32(6), f32(0.02))
# Of readings that are averaged: the noise, and half a percent for poses within one keyframe. 3 cm;
# 97 % of one surface five frames later. More would melt small steps into the wall behind them.
AVERAGED: Final = Tolerance(f32(4), f32(0.005))
# Of keyframes, whose poses are known less well, and the depth the less the further it is. 5 cm;
# 97 % of one surface two seconds later, where AVERAGED would hold 90 %.
AGREEING: Final = Tolerance(f32(4), f32(0.015))
# Units behind a surface within which a second one is a wall seen double; what is further behind is
# hidden by it. A choice: thinner than furniture, thicker than what a wrong loop moves a wall by.
DOUBLED: Final = f32(0.15)
TWO_READINGS: Final = f32(1.4142)  # the noise of their difference, against that of one
# A refined map drops what others contradict, so that a vote against asks for more than agreement
# does. Chosen: times what agrees, of a point in front of another view's surface,
IN_FRONT: Final = f32(2)
SEEN_THROUGH: Final = f32(3)  # and times agree_sigmas, of a surface that a view looks through.


def camera_of(camera: Intrinsics | Iterable[float], dtype: type = np.float32) -> Camera:
    """The camera, given as it is or as fx, fy, cx, cy."""
    if isinstance(camera, Intrinsics):
        camera = (camera.fx, camera.fy, camera.cx, camera.cy)
    return Camera(*(dtype(value) for value in camera))


def motion_of(S_b_a: Float[np.ndarray, "4 4"], dtype: type = np.float32) -> Motion:
    """Of a rigid or similarity transform (4, 4)."""
    return Motion(S_b_a[:3, :3].astype(dtype), S_b_a[:3, 3].astype(dtype))


@kernel(inline="always")
def backprojected(camera, column, row, z):
    """The point at depth z of a pixel; column and row as numbers of the camera's precision."""
    return (column - camera.cx) / camera.fx * z, (row - camera.cy) / camera.fy * z, z


@kernel(inline="always")
def moved(motion, X):
    """The point in the other camera."""
    R, t = motion.R, motion.t
    return (
        R[0, 0] * X[0] + R[0, 1] * X[1] + R[0, 2] * X[2] + t[0],
        R[1, 0] * X[0] + R[1, 1] * X[1] + R[1, 2] * X[2] + t[1],
        R[2, 0] * X[0] + R[2, 1] * X[1] + R[2, 2] * X[2] + t[2],
    )


@kernel(inline="always")
def carried(camera, motion, column, row, z):
    """A pixel's point in the other camera."""
    return moved(motion, backprojected(camera, column, row, z))


@kernel(inline="always")
def projected(camera, X):
    """Column and row, with fractions, where a point appears. It must lie in front."""
    return camera.fx * X[0] / X[2] + camera.cx, camera.fy * X[1] / X[2] + camera.cy


@kernel(inline="always")
def nearest_pixel(camera, X):
    """(column, row) of the pixel in which a point appears. It must lie in front."""
    return (
        int(np.floor(camera.fx * X[0] / X[2] + camera.cx + f32(0.5))),
        int(np.floor(camera.fy * X[1] / X[2] + camera.cy + f32(0.5))),
    )


@kernel(inline="always")
def is_inside(image, u, v):
    """Whether an image (H, W) has this pixel."""
    return u >= 0 and v >= 0 and u < image.shape[1] and v < image.shape[0]


@kernel(inline="always")
def within(tolerance, z, noise):
    """How far apart depths near z may lie. noise: float32 (3,), see depth_sigma."""
    return tolerance.sigmas * depth_sigma(z, noise) + tolerance.share * z
