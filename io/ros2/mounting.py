"""How the camera sits on what carries it, and how the map lies by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.geometry import inverse, pose
from mapper.errors import InputError
from mapper.io.ros2.transforms import StaticTransforms

# A camera's axes (x right, y down, z ahead) in those of a body (x ahead, y left, z up), REP 103.
BODY_FROM_OPTICAL: Final = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
NAMELESS: Final = "camera"  # where headers name no frame


@dataclass(frozen=True, slots=True)
class Mounting:
    """base: name of the frame that is moved. T_base_camera: (4, 4), camera in OpenCV's axes.

    T_map_world: (4, 4), the run's world, which is the first camera, in the map: that begins where
    the base was then, x ahead, y left, z up. is_level: what is up is known, by the base.
    """

    base: str
    T_base_camera: np.ndarray
    T_map_world: np.ndarray
    is_level: bool

    def T_map_base(self, T_world_camera: np.ndarray) -> np.ndarray:
        """Where the base is, (4, 4)."""
        return np.asarray(self.T_map_world @ T_world_camera @ inverse(self.T_base_camera))


def mounting_of(static: StaticTransforms, camera: str, base: str) -> Mounting:
    """camera: frame of the images. base: frame that is to be moved; empty = the root above it.

    A camera that hangs on nothing is moved itself, and the map begins along its axes. Raises
    InputError where nothing ties it to the base.
    """
    camera = camera or NAMELESS
    base = base or static.root_of(camera)
    if base == camera:
        return Mounting(base, np.eye(4), pose(BODY_FROM_OPTICAL, np.zeros(3)), False)
    T_base_camera = static.between(base, camera)
    if T_base_camera is None:
        raise InputError(
            f"/tf_static does not tie {base} (parameter base_frame) to {camera}, the frame of the "
            "images; is robot_state_publisher or the camera's driver running?"
        )
    return Mounting(base, T_base_camera, T_base_camera, True)
