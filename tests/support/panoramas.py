"""The sample room as a camera sees it that sees all around: six faces of a cube, resampled."""

from __future__ import annotations

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.io.sequences.views.panorama import rotations
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.sequence import render_sample

_UP_DOWN = np.array([[[1, 0, 0], [0, 0, s], [0, -s, 0]] for s in (-1.0, 1.0)])
MARGIN = 8  # pixels of a face beyond its 90 degrees, to interpolate in


def render_panorama(renderer: RoomRenderer, T_room_camera: np.ndarray, width: int) -> np.ndarray:
    """uint8 (width / 2, width, 3); its middle looks where the camera does."""
    focal, size = width / 8, width // 4 + MARGIN
    face = Intrinsics(focal, focal, (size - 1) / 2, (size - 1) / 2, size, size)
    longitude = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    latitude = (((np.arange(width // 2) + 0.5) / (width // 2) - 0.5) * np.pi)[:, None]
    rays = np.stack(
        np.broadcast_arrays(
            np.sin(longitude) * np.cos(latitude),
            np.sin(latitude),
            np.cos(longitude) * np.cos(latitude),
        ),
        axis=-1,
    )
    panorama = np.zeros((width // 2, width, 3), np.uint8)
    nearest = np.zeros(panorama.shape[:2])
    for R in (*rotations(4), *_UP_DOWN):
        T = T_room_camera.copy()
        T[:3, :3] = T[:3, :3] @ R
        image = render_sample(renderer, T, face, None)[0]
        seen = rays @ R
        z = np.maximum(seen[..., 2], 1e-6)
        columns = (face.fx * seen[..., 0] / z + face.cx).astype(np.float32)
        rows = (face.fy * seen[..., 1] / z + face.cy).astype(np.float32)
        own = seen[..., 2] > nearest
        panorama[own] = cv2.remap(image, columns, rows, cv2.INTER_LINEAR)[own]
        nearest = np.maximum(nearest, seen[..., 2])
    return panorama
