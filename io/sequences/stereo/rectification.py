"""Two cameras turned to look the same way, so that a point lies in the same row of both images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mapper.core.geometry import is_rigid
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.camera import Camera

_Maps = tuple[np.ndarray, np.ndarray]  # of cv2.convertMaps

SAME: Final = 1e-9  # of rotations and shifts that are none


@dataclass(frozen=True, slots=True)
class StereoCameras:
    """The left and the right camera of one size; T_right_left float64 (4, 4), metres."""

    left: Camera
    right: Camera
    T_right_left: np.ndarray

    def __post_init__(self) -> None:
        T = self.T_right_left
        if T.shape != (4, 4) or not is_rigid(T):
            raise InputError("the right camera's pose must be a rigid 4x4 transform, in metres")
        sizes = [(c.intrinsics.width, c.intrinsics.height) for c in (self.left, self.right)]
        if sizes[0] != sizes[1]:
            raise InputError(f"the left camera is of {sizes[0]} pixels, the right of {sizes[1]}")
        across, aside = -T[0, 3], float(np.hypot(T[1, 3], T[2, 3]))
        if not abs(across) > aside:
            raise InputError(
                "the two cameras do not stand side by side: the right one must lie along the left "
                f"one's x axis, and lies {abs(across):.3g} m along it and {aside:.3g} m off it"
            )
        if across < 0:
            raise InputError(
                "by the calibration the right camera stands to the left of the left one: left and "
                "right are swapped; exchange the cameras, or invert the transform"
            )


class Rectifier:
    """Undistorts and turns the images of both cameras, and cuts them to what both can fill.

    intrinsics: of the images that come out, and of both. baseline: metres. R_rectified_left:
    float64 (3, 3), by which the left camera is turned.
    """

    def __init__(self, cameras: StereoCameras) -> None:
        left, right = cameras.left, cameras.right
        self.R_rectified_left: np.ndarray = np.eye(3)
        self.baseline = float(np.linalg.norm(cameras.T_right_left[:3, 3]))
        self.intrinsics = left.intrinsics
        self._maps: tuple[_Maps, ...] = ()
        if _is_rectified(cameras):
            return
        k = left.intrinsics
        size = (k.width, k.height)
        T = cameras.T_right_left
        # No polynomial tells what a fisheye's image holds: of that the middle is kept.
        numbers = [np.zeros(5) if c.fisheye else _coefficients(c) for c in (left, right)]
        matrices = k.matrix, right.intrinsics.matrix
        R_left, R_right, P, *_ = cv2.stereoRectify(
            *(matrices[0], numbers[0], matrices[1], numbers[1]),
            *(size, T[:3, :3].copy(), T[:3, 3:].copy()),
            flags=cv2.CALIB_ZERO_DISPARITY,
            alpha=0,
        )
        self.R_rectified_left = np.asarray(R_left, np.float64)
        fx, fy, cx, cy = (float(P[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
        self.intrinsics = Intrinsics(fx, fy, cx, cy, *size)
        self._maps = (_maps(left, R_left, P), _maps(right, R_right, P))

    def __call__(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both images, uint8 (H, W, 3) of both cameras, rectified."""
        if not self._maps:
            return left, right
        left_maps, right_maps = self._maps
        return (
            cv2.remap(left, left_maps[0], left_maps[1], cv2.INTER_LINEAR),
            cv2.remap(right, right_maps[0], right_maps[1], cv2.INTER_LINEAR),
        )


def _is_rectified(cameras: StereoCameras) -> bool:
    """Whether the images are so already: one pinhole, and nothing but a shift along x."""
    T = cameras.T_right_left
    shift = np.eye(4)
    shift[0, 3] = T[0, 3]
    distorted = cameras.left.is_distorted or cameras.right.is_distorted
    one = cameras.left.intrinsics == cameras.right.intrinsics
    return one and not distorted and bool(np.abs(T - shift).max() < SAME)


def _coefficients(camera: Camera) -> np.ndarray:
    return np.asarray(camera.distortion or (0.0,) * 5, np.float64)


def _maps(camera: Camera, R: np.ndarray, P: np.ndarray) -> _Maps:
    """For cv2.remap, of a camera turned by R to the projection P."""
    k = camera.intrinsics
    find = cv2.fisheye.initUndistortRectifyMap if camera.fisheye else cv2.initUndistortRectifyMap
    numbers = np.asarray(camera.distortion or (0.0,) * 4, np.float64)
    u, v = find(k.matrix, numbers, R, P[:3, :3], (k.width, k.height), cv2.CV_32FC1)
    where, fraction = cv2.convertMaps(u, v, cv2.CV_16SC2)
    return where, fraction
