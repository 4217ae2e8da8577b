"""From what the network says of a frame to the answer that a learned frontend takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.learned import Answer, array
from mapper.frontends.vggt.network import Heads, VggtPrediction
from mapper.frontends.vggt.pose_encoding import extrinsics

DEPTH, HEAD = "depth", "head"


@dataclass(frozen=True, slots=True)
class Answers:
    """Turns raw predictions into answers. points: DEPTH or HEAD, see the options."""

    points: str

    @property
    def heads(self) -> Heads:
        """Only the dense head whose points are taken has to run."""
        return Heads(depth=self.points == DEPTH, points=self.points == HEAD)

    def answer(self, raw: VggtPrediction, place: int) -> Answer | None:
        """Of frame `place` of the first sequence of the batch; None if its pose is not finite."""
        encoding = raw.pose_encoding[0, place].double().cpu()
        camera_world = extrinsics(encoding).numpy()
        if not np.isfinite(camera_world).all():
            return None  # a quaternion of zero
        T_world_camera = inverse(pose(camera_world[:, :3], camera_world[:, 3]))
        points, confidence = self._points(raw, place, T_world_camera)
        return Answer(
            points=points,
            confidence=confidence,
            T_world_camera=T_world_camera,
            camera=lambda: camera_of(encoding.numpy()[7:], confidence.shape),
            descriptor=array(raw.descriptor[0, place]),
        )

    def _points(
        self, raw: VggtPrediction, place: int, T_world_camera: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Depths (H, W) or points (H, W, 3) in the camera, and confidence (H, W)."""
        if self.points == DEPTH:
            assert raw.depth is not None and raw.depth_confidence is not None
            return array(raw.depth[0, place]), array(raw.depth_confidence[0, place])
        assert raw.points is not None and raw.points_confidence is not None
        points = transform(inverse(T_world_camera), array(raw.points[0, place]))
        return points, array(raw.points_confidence[0, place])


def camera_of(fields_of_view: np.ndarray, size: tuple[int, ...]) -> Intrinsics:
    """The camera with these fields of view (vertical, horizontal) [rad] of (height, width) pixels.

    A field of view of zero, which the network can say, gets any focal length.
    """
    height, width = size
    with np.errstate(divide="ignore"):
        fy, fx = np.array([height, width]) / 2 / np.tan(fields_of_view / 2)
    if not (0 < fx < np.inf and 0 < fy < np.inf):
        fx = fy = float(max(width, height))
    return Intrinsics(float(fx), float(fy), width / 2, height / 2, width, height)
