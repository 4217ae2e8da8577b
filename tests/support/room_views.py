"""Views of the sample room at exact poses, rendered once a session."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.core.depth_noise import LEARNED, STRUCTURED_LIGHT, depth_confidence
from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse, rotation_angle
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import SampleWalk, sample_intrinsics, sample_poses
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import render_sample
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid
from mapper.vision.local_features import LocalFeatures
from mapper.vision.orb import OrbMatcher

WALK = 240  # frames of the loop: at this count it moves like a hand
ASIDE = SampleWalk((1.0, 0.75), 2.2, -0.26, 0.16)  # with the walls in view all the way round
NO_FEATURES = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
)


class Room:
    """poses: (240, 4, 4), T_room_camera of the walk. intrinsics: 320x240."""

    def __init__(self) -> None:
        self._renderer = RoomRenderer(sample_room())
        self.poses = sample_poses(WALK, ASIDE)
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
            depth_confidence(frame.depth, STRUCTURED_LIGHT.coefficients),
            T,
            self.intrinsics,
            frame.image,
            True,
            segment,
            noise=STRUCTURED_LIGHT,
        )


def in_units(prediction: Prediction, units: float) -> Prediction:
    """The same as a network sees it that does not know the unit: metres times `units`."""
    T = prediction.T_world_camera.copy()
    T[:3, 3] *= units
    return replace(
        prediction,
        pointmap=prediction.pointmap * np.float32(units),
        T_world_camera=T,
        is_metric=False,
        noise=LEARNED,
    )


def scaled_depth(frame: Frame, factor: float) -> Frame:
    """The same view of a room that much larger."""
    assert frame.depth is not None
    return replace(frame, depth=frame.depth * np.float32(factor))


def keyframe_of(keyframe_id: int, prediction: Prediction, blind: bool = False) -> Keyframe:
    """A keyframe with this one frame; blind: without local features."""
    features = NO_FEATURES
    if not blind:
        features = OrbMatcher().extract(prediction.image, prediction.pointmap)
    frame = TrackedFrame(prediction.frame_index, prediction.timestamp, np.eye(4))
    return Keyframe(
        keyframe_id,
        prediction.segment,
        prediction.T_world_camera,
        features,
        prediction.intrinsics,
        [frame],
        float(np.median(prediction.depth[prediction.depth > 0])),
        prediction.descriptor,
        prediction.is_metric,
    )


def features_of(frame: Frame) -> LocalFeatures:
    assert frame.depth is not None and frame.intrinsics is not None
    return OrbMatcher().extract(frame.image, backproject(frame.depth, frame.intrinsics))


def pyramid_of(frame: Frame) -> DepthPyramid:
    assert frame.depth is not None and frame.intrinsics is not None
    return build_pyramid(frame.depth, frame.image, frame.intrinsics)


def distance(T: np.ndarray, T_true: np.ndarray) -> tuple[float, float]:
    """(metres, degrees) between two poses."""
    difference = inverse(T_true) @ T
    angle = np.degrees(rotation_angle(difference[:3, :3]))
    return float(np.linalg.norm(difference[:3, 3])), float(angle)


def with_arm(frame: Frame, column: int) -> Frame:
    """A sleeve of 50 pixels before the camera, its left border in that column: half a metre away,
    rounder than a board, with a weave that goes with it."""
    assert frame.depth is not None
    image, depth = frame.image.copy(), frame.depth.copy()
    rows, columns = np.mgrid[70:240, 0:50]
    weave = 90 + 60 * ((rows // 5 + columns // 5) % 2)
    image[70:, column : column + 50] = weave[..., None].astype(np.uint8)
    across = (columns - 25.0) / 25.0
    depth[70:, column : column + 50] = 0.5 - 0.03 * np.sqrt(1.0 - np.minimum(across**2, 1.0))
    return replace(frame, image=image, depth=depth)
