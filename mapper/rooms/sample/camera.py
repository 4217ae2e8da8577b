"""The way of the hand-held camera through the sample room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.rooms.sample.walls import ROOM

HEIGHT = 1.35


@dataclass(frozen=True, slots=True)
class SampleWalk:
    """radii: of the ellipse around the room's middle, metres. aside: radians by which the camera
    looks aside of straight outwards. pitch, nod: radians up on average, and up and down of that."""

    radii: tuple[float, float]
    aside: float
    pitch: float
    nod: float


# 6.5 m around; it looks across the middle and down, so that nothing of the floor there is missed.
DEMO_WALK = SampleWalk((1.15, 0.9), 3.0, -0.38, 0.18)


def sample_intrinsics(width: int, height: int) -> Intrinsics:
    """A camera 62 degrees wide at 4:3, with the principal point a little off the middle."""
    focal = 525.0 * max(width / 640, height / 480)
    return Intrinsics(focal, focal, 0.4985 * width, 0.497 * height, width, height)


def sample_poses(frames: int, walk: SampleWalk = DEMO_WALK) -> np.ndarray:
    """float64 (frames, 4, 4): T_world_camera of one loop; the last pose equals the first.

    The camera walks round the middle of the room and turns once about itself, now ahead of its
    walk and now behind, with the sway of a hand: whole numbers of waves, so that the loop closes.
    At 240 frames it moves at most 4 cm and turns at most 3 degrees a frame.
    """
    phases = np.linspace(0.0, 2 * np.pi, frames)
    return np.stack([_pose_at(phase, walk) for phase in phases])


def _pose_at(phase: float, walk: SampleWalk) -> np.ndarray:
    wave = np.sin(np.outer((2, 3, 5, 7, 11, 17, 23), phase)[:, 0] + np.arange(7.0))
    position = np.array(
        [
            ROOM[0] / 2 + walk.radii[0] * np.cos(phase) + 0.012 * wave[4],
            ROOM[1] / 2 + walk.radii[1] * np.sin(phase) + 0.012 * wave[3],
            HEIGHT + 0.06 * wave[0] + 0.006 * wave[5],
        ]
    )
    yaw = phase + walk.aside + 0.28 * wave[0] + 0.012 * wave[4]
    pitch = walk.pitch + walk.nod * wave[1] + 0.006 * wave[6]
    roll = 0.03 * wave[2] + 0.005 * wave[5]
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(forward, right)
    turned_right = np.cos(roll) * right + np.sin(roll) * down
    turned_down = np.cos(roll) * down - np.sin(roll) * right
    return pose(np.stack([turned_right, turned_down, forward], axis=1), position)
