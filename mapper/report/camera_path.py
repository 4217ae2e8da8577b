"""The way of a camera that films a map: around it, or as it was recorded."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation, Slerp

from mapper.core.geometry import pose
from mapper.core.mesh import Mesh
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.report.mesh_picture import (
    FIELD_OF_VIEW,
    FILL,
    oblique_rotation,
    visible_points,
)

POINTS: Final = 5000  # by which the distance of an orbit is told
PROBED: Final = 24  # angles of an orbit at which all must be in view
STEADY: Final = 0.2  # seconds of the film over which a hand's shaking is averaged


def orbit_poses(mesh: Mesh, up: np.ndarray, count: int, aspect: float) -> np.ndarray:
    """float64 (count, 4, 4): once around the map, as far away as shows it whole from everywhere.

    up: (3,), unit. aspect: width over height of the picture, whose field of view is FIELD_OF_VIEW.
    The first view is that of a picture from outside, and would follow the last one.
    """
    points = visible_points(mesh)
    start = oblique_rotation(mesh, up)
    points = points[:: max(1, len(points) // POINTS)]
    middle = _middle(points, start, up)
    turns = [_turn(up, angle) @ start for angle in _angles(PROBED)]

    def distance(raised: float) -> float:
        aimed_at = points - middle - raised * up
        return max(_distance(aimed_at, rotation, aspect) for rotation in turns)

    # A map that is seen from above looks larger in front: aim where that allows to be nearest.
    height = float(np.ptp(points @ up))
    best = minimize_scalar(distance, bounds=(-height, height), method="bounded")
    middle, back = middle + best.x * up, float(best.fun)
    rotations = (_turn(up, angle) @ start for angle in _angles(count))
    return np.stack([pose(R, middle - back * R[:, 2]) for R in rotations])


def recorded_poses(way: Trajectory, count: int, seconds: float) -> np.ndarray:
    """float64 (count, 4, 4): the camera's own way in a film of that many seconds, held steadily.

    Raises InputError where it has no way.
    """
    if len(way) < 2 or way.timestamps[-1] <= way.timestamps[0]:
        raise InputError("fewer than two frames were placed, which make no way; use --path orbit")
    times = np.linspace(way.timestamps[0], way.timestamps[-1], count)
    rotations = Slerp(way.timestamps, Rotation.from_matrix(way.T_world_camera[:, :3, :3]))
    quaternions = rotations(times).as_quat()
    same = np.cumprod(np.sign(np.sum(quaternions[1:] * quaternions[:-1], axis=1)))
    quaternions[1:] *= np.where(same == 0, 1, same)[:, None]  # q and -q are one rotation
    positions = np.stack([np.interp(times, way.timestamps, c) for c in way.positions.T], axis=1)
    width = STEADY * count / seconds
    steady = gaussian_filter1d(quaternions, width, axis=0, mode="nearest")
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = Rotation.from_quat(steady).as_matrix()
    T[:, :3, 3] = gaussian_filter1d(positions, width, axis=0, mode="nearest")
    return T


def _angles(count: int) -> np.ndarray:
    return np.arange(count) * 2 * np.pi / count


def _turn(up: np.ndarray, angle: float) -> np.ndarray:
    """Rotation (3, 3) about up."""
    return np.asarray(Rotation.from_rotvec(angle * up).as_matrix())


def _middle(points: np.ndarray, axes: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The middle (3,) of the box around the points (N, 3) that stands upright."""
    along = np.cross(up, axes[:, 0])
    box = np.stack([axes[:, 0], along, up], axis=1)
    local = points @ box
    return np.asarray(box @ ((local.min(axis=0) + local.max(axis=0)) / 2))


def _distance(points: np.ndarray, rotation: np.ndarray, aspect: float) -> float:
    """From how far a camera that looks at the origin has all points (N, 3) in view."""
    x, y, z = (points @ rotation).T
    half_y = np.tan(FIELD_OF_VIEW / 2) * FILL
    half_x = half_y * aspect
    return float(np.max(np.maximum(np.abs(x) / half_x, np.abs(y) / half_y) - z))
