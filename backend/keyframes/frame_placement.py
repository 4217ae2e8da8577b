"""Places the frames between keyframes: where the frontend says, or where they fit the keyframe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import exp_se3, inverse, rotation_angle
from mapper.core.prediction import Prediction
from mapper.core.quantities import WORD, PositiveShare, Radians, Units
from mapper.core.settings_model import settings
from mapper.core.sim3 import log_sim3, rigid_part, scale_of
from mapper.vision.dense_alignment import AlignmentConfig, align
from mapper.vision.depth_pyramid import DepthPyramid, build_pyramid


@settings
class PlacementConfig:
    """How frames between keyframes are placed.

    refine: align each frame with its keyframe; auto = what comes from a network, whose poses drift
        from frame to frame; those of frontends that know how good they are were aligned already.
    share: of the way from where the frontend's motion puts a frame to where its depth fits. Motion
        from frame to frame is better known than one depth map of a network; its drift is not, and
        goes by this share a frame.
    max_shift: of a frame's camera; an alignment that moves it further is not believed.
    max_turn: of a frame's camera; an alignment that turns it further is not believed.
    alignment: of a frame with its keyframe; not at the finest level, which costs the most and of
        whose detail so small a share is taken that it would not be seen.
    """

    refine: Annotated[Literal["auto", "on", "off"], WORD] = "auto"
    share: PositiveShare = 0.5
    max_shift: Units = 0.1
    max_turn: Radians = 0.1
    alignment: AlignmentConfig = field(
        default_factory=lambda: AlignmentConfig(
            iterations=(0, 4, 6), photometric_weight=0.2, finest_level=1
        )
    )


@dataclass(frozen=True, slots=True)
class Placement:
    """T_keyframe_camera: (4, 4), in the keyframe's units. scale: the frame's depths times this are
    in them too."""

    T_keyframe_camera: np.ndarray
    scale: float


def expected_pose(keyframe: Keyframe, T_odometry_camera: np.ndarray) -> np.ndarray:
    """T_keyframe_camera (4, 4) by the frontend's motion since the keyframe's last frame.

    From where that was placed, so that drift between frames is not added up.
    """
    last = keyframe.T_odometry_last
    T_odometry_last = keyframe.T_odometry_keyframe if last is None else last
    return keyframe.frames[-1].T_keyframe_camera @ inverse(T_odometry_last) @ T_odometry_camera


class FramePlacer:
    """Aligns frames with their keyframe, where the frontend is not taken at its word."""

    def __init__(self, config: PlacementConfig) -> None:
        self.config = config

    def place(
        self, pyramid: DepthPyramid, prediction: Prediction, T_keyframe_camera: np.ndarray
    ) -> Placement:
        """Where a frame belongs. pyramid: the keyframe's. T_keyframe_camera: as expected."""
        expected = Placement(T_keyframe_camera, 1.0)
        if not self._refines(prediction):
            return expected
        return self._aligned(pyramid, prediction, expected)

    def _refines(self, prediction: Prediction) -> bool:
        if self.config.refine == "auto":
            return not prediction.noise.is_measured and prediction.uncertainty is None
        return self.config.refine == "on"

    def _aligned(
        self, pyramid: DepthPyramid, prediction: Prediction, expected: Placement
    ) -> Placement:
        source = KeyframeMap.of(prediction)
        config = self.config.alignment
        frame = build_pyramid(
            source.depth, source.image, source.intrinsics, source.noise, config.finest_level
        )
        aligned = align(
            pyramid,
            frame,
            expected.T_keyframe_camera,
            config,
            not prediction.is_metric,
        )
        T = rigid_part(aligned.S_reference_source)
        if not aligned.converged or not self._is_near(expected.T_keyframe_camera, T):
            return expected
        change = self.config.share * log_sim3(T @ inverse(expected.T_keyframe_camera))[:6]
        T = rigid_part(exp_se3(change) @ expected.T_keyframe_camera)
        return Placement(T, float(scale_of(aligned.S_reference_source)))

    def _is_near(self, T_expected: np.ndarray, T: np.ndarray) -> bool:
        """Whether an alignment has moved a frame by no more than is believed."""
        change = inverse(T_expected) @ T
        moved, turned = np.linalg.norm(change[:3, 3]), rotation_angle(change[:3, :3])
        return bool(moved <= self.config.max_shift and turned <= self.config.max_turn)
