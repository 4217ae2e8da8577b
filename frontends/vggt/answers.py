"""From what the network says of a frame to the answer that a learned frontend takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mapper.core.geometry import inverse, pose, transform
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.learned import Answer
from mapper.frontends.transfer import brought
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
        maps = self._maps(raw)
        told = [*maps, raw.pose_encoding, raw.descriptor]
        points, confidence, encoding, descriptor = brought([part[0, place] for part in told])
        camera_world = extrinsics(torch.from_numpy(encoding).double()).numpy()
        if not np.isfinite(camera_world).all():
            return None  # a quaternion of zero
        T_world_camera = inverse(pose(camera_world[:, :3], camera_world[:, 3]))
        if self.points == HEAD:
            points = transform(inverse(T_world_camera), points)
        return Answer(
            points=points,
            confidence=confidence,
            T_world_camera=T_world_camera,
            camera=lambda: camera_of(encoding[7:].astype(np.float64), confidence.shape),
            descriptor=descriptor.copy(),  # which stays, when all that came with it can go
        )

    def _maps(self, raw: VggtPrediction) -> tuple[Tensor, Tensor]:
        """Depths or points, and their confidence."""
        if self.points == DEPTH:
            assert raw.depth is not None and raw.depth_confidence is not None
            return raw.depth, raw.depth_confidence
        assert raw.points is not None and raw.points_confidence is not None
        return raw.points, raw.points_confidence


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
