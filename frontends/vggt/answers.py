"""From what the network says of a frame to the prediction that the mapper takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.frame import Frame
from mapper.core.geometry import backproject, inverse, orthonormalised, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.frontends.vggt.network import Heads, VggtPrediction
from mapper.frontends.vggt.options import CommonOptions
from mapper.frontends.vggt.pose_encoding import extrinsics
from mapper.frontends.vggt.preprocess import Layout

DEPTH, HEAD = "depth", "head"


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame, and the image (uint8) that the network saw of it."""

    frame: Frame
    image: np.ndarray
    layout: Layout


@dataclass(frozen=True, slots=True)
class Answers:
    """Turns raw predictions into the mapper's, as the options say."""

    options: CommonOptions

    @property
    def heads(self) -> Heads:
        """Only the dense head whose points are taken has to run."""
        return Heads(depth=self.options.points == DEPTH, points=self.options.points == HEAD)

    def prediction(
        self, shown: Shown, raw: VggtPrediction, place: int, segment: int
    ) -> Prediction | None:
        """Of frame `place` of the first sequence of the batch; None if its pose is not finite."""
        encoding = raw.pose_encoding[0, place].double().cpu()
        camera_world = extrinsics(encoding).numpy()
        if not np.isfinite(camera_world).all():
            return None  # a quaternion of zero
        T_world_camera = inverse(pose(camera_world[:, :3], camera_world[:, 3]))
        intrinsics = self._intrinsics(shown, encoding.numpy())
        pointmap, confidence = self._points(raw, place, T_world_camera, intrinsics, shown)
        behind = pointmap[..., 2] <= 0  # no camera sees points there
        ignored = behind | (confidence < self.options.min_confidence)
        return Prediction(
            frame_index=shown.frame.index,
            timestamp=shown.frame.timestamp,
            pointmap=np.where(behind[..., None], np.float32(0), pointmap).astype(np.float32),
            confidence=np.where(ignored, 0, confidence).astype(np.float32),
            T_world_camera=orthonormalised(T_world_camera),
            intrinsics=intrinsics,
            image=np.ascontiguousarray(shown.image),
            is_metric=False,
            segment=segment,
            descriptor=raw.descriptor[0, place].float().cpu().numpy(),
        )

    def _points(
        self,
        raw: VggtPrediction,
        place: int,
        T_world_camera: np.ndarray,
        intrinsics: Intrinsics,
        shown: Shown,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pointmap (H, W, 3) in the camera, and confidence (H, W)."""
        if self.options.points == DEPTH:
            assert raw.depth is not None and raw.depth_confidence is not None
            depth = raw.depth[0, place].float().cpu().numpy()
            confidence = raw.depth_confidence[0, place].float().cpu().numpy()
            return backproject(depth, intrinsics), confidence
        assert raw.points is not None and raw.points_confidence is not None
        confidence = raw.points_confidence[0, place].float().cpu().numpy()
        points = transform(inverse(T_world_camera), raw.points[0, place].float().cpu().numpy())
        if self._calibrated(shown):
            points = backproject(points[..., 2].astype(np.float32), intrinsics)
        return points, confidence

    def _intrinsics(self, shown: Shown, encoding: np.ndarray) -> Intrinsics:
        """The user's camera at the network's size, else the predicted fields of view."""
        if shown.frame.intrinsics is not None and self._calibrated(shown):
            return shown.layout.intrinsics(shown.frame.intrinsics)
        width, height = shown.layout.size
        with np.errstate(divide="ignore"):
            fy, fx = np.array([height, width]) / 2 / np.tan(encoding[7:] / 2)
        if not (0 < fx < np.inf and 0 < fy < np.inf):
            fx = fy = float(max(width, height))  # a field of view of zero: any focal length will do
        return Intrinsics(float(fx), float(fy), width / 2, height / 2, width, height)

    def _calibrated(self, shown: Shown) -> bool:
        return shown.frame.intrinsics is not None and self.options.use_calibration
