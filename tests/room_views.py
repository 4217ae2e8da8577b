"""Views of the sample room at exact poses, rendered once a session."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mapper.depth_noise import depth_confidence
from mapper.depth_pyramid import DepthPyramid, build_pyramid
from mapper.frame import Frame
from mapper.geometry import backproject, inverse, rotation_angle
from mapper.intrinsics import Intrinsics
from mapper.prediction import Prediction
from mapper.sample_camera import sample_intrinsics, sample_poses
from mapper.sample_furniture import room_parts
from mapper.sample_renderer import SampleRenderer
from mapper.sample_room import render_sample

WALK = 240  # frames of the loop: at this count it moves like a hand


class Room:
    """poses: (240, 4, 4), T_room_camera of the walk. intrinsics: 320x240."""

    def __init__(self) -> None:
        self._renderer = SampleRenderer(room_parts())
        self.poses = sample_poses(WALK)
        self.intrinsics: Intrinsics = sample_intrinsics(320, 240)
        self.frame = lru_cache(maxsize=None)(self._frame)

    def at(self, T_room_camera: np.ndarray, index: int = 0, noisy: bool = False) -> Frame:
        """A view from anywhere; without noise and holes unless asked for."""
        rng = np.random.default_rng(index) if noisy else None
        image, depth = render_sample(self._renderer, T_room_camera, self.intrinsics, rng)
        return Frame(index, index / 30, image, depth, self.intrinsics)

    def _frame(self, index: int, noisy: bool = True) -> Frame:
        """Frame `index` of the walk."""
        return self.at(self.poses[index], index, noisy)

    def relative(self, i: int, j: int) -> np.ndarray:
        """T_i_j of two frames of the walk."""
        return inverse(self.poses[i]) @ self.poses[j]

    def prediction(
        self, index: int, T_world_camera: np.ndarray | None = None, segment: int = 0
    ) -> Prediction:
        """What a perfect frontend says of a frame; its world is frame 0 unless a pose is given."""
        frame = self.frame(index)
        assert frame.depth is not None
        T = self.relative(0, index) if T_world_camera is None else T_world_camera
        return Prediction(
            index,
            frame.timestamp,
            backproject(frame.depth, self.intrinsics),
            depth_confidence(frame.depth),
            T,
            self.intrinsics,
            frame.image,
            True,
            segment,
        )


def pyramid_of(frame: Frame) -> DepthPyramid:
    assert frame.depth is not None and frame.intrinsics is not None
    return build_pyramid(frame.depth, frame.image, frame.intrinsics)


def distance(T: np.ndarray, T_true: np.ndarray) -> tuple[float, float]:
    """(metres, degrees) between two poses."""
    difference = inverse(T_true) @ T
    angle = np.degrees(rotation_angle(difference[:3, :3]))
    return float(np.linalg.norm(difference[:3, 3])), float(angle)
