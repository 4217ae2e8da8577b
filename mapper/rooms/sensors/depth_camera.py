"""Depth as the camera of a sequence reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mapper.rooms.sensors import lidar, stereo, structured_light, time_of_flight
from mapper.rooms.sensors.sensor import Scene
from mapper.rooms.spec import CameraSpec

SENSE: Final[dict[str, Callable[[Scene, np.random.Generator], np.ndarray]]] = {
    "structured-light": structured_light.sense,
    "time-of-flight": time_of_flight.sense,
    "stereo": stereo.sense,
    "lidar": lidar.sense,
}


LIDAR_SIZE: Final = (256, 192)
LIDAR_SHARE: Final = 0.4  # of the image's width at most, where that is smaller than usual


def depth_size(camera: CameraSpec) -> tuple[int, int]:
    """Width and height of its depth images; colour has more pixels than a LiDAR."""
    if camera.kind != "lidar":
        return camera.width, camera.height
    width = min(LIDAR_SIZE[0], round(LIDAR_SHARE * camera.width))
    return width, round(width * camera.height / camera.width)


def sensed_depth(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading, by the kind of camera; the scene is of that size."""
    return SENSE[scene.camera.kind](scene, rng)
