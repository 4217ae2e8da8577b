"""Depth as the camera of a sequence reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mapper.rooms.sensors import structured_light, time_of_flight
from mapper.rooms.sensors.sensor import Scene

SENSE: Final[dict[str, Callable[[Scene, np.random.Generator], np.ndarray]]] = {
    "structured-light": structured_light.sense,
    "time-of-flight": time_of_flight.sense,
}


def sensed_depth(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading, by the kind of camera."""
    return SENSE[scene.camera.kind](scene, rng)
