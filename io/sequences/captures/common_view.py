"""Frames of one camera whose calibration differs from frame to frame, brought to one pinhole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.cameras.camera import Camera

KEPT_MAPS: Final = 4  # of cameras; a phone's focus moves slowly, a COLMAP model has a few


class CommonView:
    """intrinsics: of all frames as they are handed out.

    A phone focuses and steadies its lens, so that focal length and principal point move by some
    pixels; what maps and exports a sequence wants one camera. A pinhole of the same centre is
    a resampling of the image and of the depth, whatever the lens.
    """

    intrinsics: Intrinsics

    def __init__(self, cameras: Sequence[Camera]) -> None:
        """cameras: one a frame, all of one image size."""
        pinholes = [camera.intrinsics for camera in cameras]
        numbers = np.array([(p.fx, p.fy, p.cx, p.cy) for p in pinholes])
        fx, fy, cx, cy = (float(value) for value in np.median(numbers, axis=0))
        size = pinholes[0].width, pinholes[0].height
        assert all((p.width, p.height) == size for p in pinholes)
        self.intrinsics = Intrinsics(fx, fy, cx, cy, *size)
        self._maps = lru_cache(maxsize=KEPT_MAPS)(self._make_maps)

    def image(self, image: np.ndarray, camera: Camera) -> np.ndarray:
        """uint8 (H, W, 3), bilinear; the border pixels are repeated outwards."""
        if self._is_view(camera):
            return image
        border = cv2.BORDER_REPLICATE
        return cv2.remap(image, *self._maps(camera), cv2.INTER_LINEAR, borderMode=border)

    def depth(self, depth: np.ndarray, camera: Camera) -> np.ndarray:
        """float32 (H, W), nearest neighbour: depths of two surfaces are never mixed."""
        if self._is_view(camera):
            return depth
        return cv2.remap(depth, *self._maps(camera), cv2.INTER_NEAREST, borderValue=0)

    def _is_view(self, camera: Camera) -> bool:
        return camera.intrinsics == self.intrinsics and not camera.is_distorted

    def _make_maps(self, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        size = (self.intrinsics.width, self.intrinsics.height)
        find = cv2.fisheye.initUndistortRectifyMap if camera.fisheye else _rectify_map
        coefficients = np.asarray(camera.distortion or (0.0,) * 4, np.float64)
        K, target = camera.intrinsics.matrix, self.intrinsics.matrix
        u, v = find(K, coefficients, np.eye(3), target, size, cv2.CV_32FC1)
        return u, v


_rectify_map: Final = cv2.initUndistortRectifyMap


@dataclass(frozen=True, slots=True)
class Lens:
    """One frame's camera and the view that its image is brought to."""

    view: CommonView
    camera: Camera

    @property
    def color_size(self) -> tuple[int, int]:
        """(width, height) of the stored image."""
        return self.camera.intrinsics.width, self.camera.intrinsics.height

    def seen(self, image: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
        """A stored image uint8 (h, w, 3) in the common view, in which depth is too."""
        return self.view.image(image, self.camera)


def at_size(camera: Camera, size: tuple[int, int], what: str) -> Camera:
    """The camera of images (width, height) that were scaled after it was written down.

    InputError where their shape is another one; what: the file, named in it.
    """
    width, height = camera.intrinsics.width, camera.intrinsics.height
    if size == (width, height):
        return camera
    if abs(size[0] * height / (size[1] * width) - 1) > 0.01:
        raise InputError(
            f"{what}: {size[0]}x{size[1]} pixels, but its camera is of {width}x{height}; scale the "
            "images without cutting them, or give their camera with --calib"
        )
    return Camera(camera.intrinsics.resized(*size), camera.distortion, camera.fisheye)
