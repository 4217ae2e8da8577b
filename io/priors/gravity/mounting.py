"""How an accelerometer sits to its camera, and what it says of up then."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapper.core.pose_readings import GravityReadings
from mapper.core.trajectory import Trajectory
from mapper.core.yaml_text import read_mapping
from mapper.errors import ConfigError, InputError
from mapper.io.priors.gravity.log import Accelerations, read_accelerations
from mapper.io.sequences.published.euroc import read_sensor

USUAL_DEG: Final = 1.5  # of a keyframe's mean: as a walk that goes around a corner pushes all of it
TRACKED_DEG: Final = 1.0  # of a phone's own tracking
# A phone by Apple says -1 g upward; its camera looks out of its back, the image's right side
# towards its lower end.
OF_A_PHONE: Final = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
AXES: Final = ("x", "y", "z")


def gravity_of_log(
    path: Path, axes: str | None, sigma_deg: float | None, R_frame_camera: np.ndarray
) -> GravityReadings:
    """What a log, or EuRoC's folder imu0, says of up in the frames' axes.

    axes: as --gravity-axes says them; None = as the file itself tells, else those of the camera.
    R_frame_camera: (3, 3), how frames are turned from the camera that took them, by rectification.
    Raises ConfigError or InputError.
    """
    path = path / "data.csv" if path.is_dir() else path
    found = read_accelerations(path)
    R = None if axes is None else _said(axes)
    if R is None:
        R = _known(path, found)
    up = found.up @ (np.eye(3) if R is None else R).T @ R_frame_camera.T
    return GravityReadings(str(path), found.times, up, sigma_deg or USUAL_DEG, R is not None)


def gravity_of_poses(name: str, trajectory: Trajectory, sigma_deg: float | None) -> GravityReadings:
    """Of a phone's tracking, whose world has y up. trajectory: T_world_camera."""
    up = trajectory.T_world_camera[:, 1, :3]
    times = trajectory.timestamps
    return GravityReadings(name, times, up, sigma_deg or TRACKED_DEG, axes_are_told=True)


def _said(axes: str) -> np.ndarray:
    """(3, 3): from the sensor's axes to the camera's, of `-x,z,y`."""
    words = [word.strip().lower() for word in axes.split(",")]
    bare = [word.lstrip("+-") for word in words]
    if sorted(bare) != list(AXES):
        raise ConfigError(
            f"--gravity-axes {axes}: expected which axes of the log point right, down and ahead in "
            "the image, like x,y,z or y,-x,z"
        )
    R = np.zeros((3, 3))
    for row, word in enumerate(words):
        R[row, AXES.index(bare[row])] = -1.0 if word.startswith("-") else 1.0
    return R


def _known(path: Path, found: Accelerations) -> np.ndarray | None:
    """By the file's format: (3, 3), from the sensor's axes to the camera's; None = it is silent."""
    if found.is_stray:
        return OF_A_PHONE
    sensor, camera = path.with_name("sensor.yaml"), path.parent.parent / "cam0" / "sensor.yaml"
    if not (sensor.is_file() and camera.is_file()):
        return None
    return np.asarray(read_sensor(camera)[1][:3, :3].T @ _pose_in_body(sensor)[:3, :3])


def _pose_in_body(path: Path) -> np.ndarray:
    """T_BS (4, 4) of EuRoC's sensor.yaml."""
    try:
        T = np.array(read_mapping(path)["T_BS"]["data"], np.float64).reshape(4, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected T_BS, the sensor's pose in the body") from error
    return T
