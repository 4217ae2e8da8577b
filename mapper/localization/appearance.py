"""Does an image show what a keyframe would show from there? Told by light alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from mapper.core.geometry import inverse
from mapper.core.intrinsics import Intrinsics
from mapper.localization.landmarks import Landmark
from mapper.runtime.kernels import kernel
from mapper.vision.alignment_evidence import LEVEL, Comparison, Evidence, detail_of, level_view
from mapper.vision.dense_residuals import AlignmentView
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.reprojection import (
    NEAREST,
    camera_of,
    carried,
    f32,
    is_inside,
    motion_of,
    nearest_pixel,
)

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

GRAIN: Final = 1  # pixels around the one where a point lands that it covers too


def appearance(
    image: UInt8[np.ndarray, "h w 3"],
    camera: Intrinsics,
    T_world_camera: Float64[np.ndarray, "4 4"],
    landmark: Landmark,
    pyramid: DepthPyramid,
) -> Evidence:
    """The keyframe's points in the image, whose depth they are taken to be where nothing hides
    them: so surfaces agree by themselves, and what tells is `light`, `centred`, and `seen`."""
    level = pyramid.levels[min(LEVEL, len(pyramid.levels) - 1)]
    share = float(level.camera[0]) / camera.fx  # the same grain, whatever the image's size
    width, height = (max(16, round(share * side)) for side in (camera.width, camera.height))
    seen_by = camera_of(camera.resized(width, height))
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    how = cv2.INTER_AREA if width < camera.width else cv2.INTER_LINEAR
    gray = np.asarray(cv2.resize(gray, (width, height), interpolation=how), np.float32)
    T_camera_landmark = inverse(T_world_camera) @ landmark.T_world_camera
    source = level_view(level)
    depth = _splatted(source, motion_of(T_camera_landmark), seen_by, height, width)
    normals = np.zeros((height, width, 3), np.float32)
    reference = AlignmentView(depth, normals, detail_of(gray), seen_by)
    return Comparison(reference, source, level.noise.coefficients).evidence(T_camera_landmark)


@kernel(fastmath=True)
def _splatted(source, motion, camera, height, width):
    """Depth (height, width) of a view's points in another camera, the nearest at each pixel."""
    depth = np.zeros((height, width), np.float32)
    for row in range(source.depth.shape[0]):
        for column in range(source.depth.shape[1]):
            z = source.depth[row, column]
            if z <= 0:
                continue
            X = carried(source.camera, motion, f32(column), f32(row), z)
            if X[2] <= NEAREST:
                continue
            u, v = nearest_pixel(camera, X)
            for j in range(v - GRAIN, v + GRAIN + 1):
                for i in range(u - GRAIN, u + GRAIN + 1):
                    if is_inside(depth, i, j) and (depth[j, i] == 0 or X[2] < depth[j, i]):
                        depth[j, i] = X[2]
    return depth
