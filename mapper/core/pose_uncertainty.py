"""How well a pose is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64


@dataclass(frozen=True, slots=True)
class PoseUncertainty:
    """Of a frame's pose in the camera of an earlier frame, which may be itself.

    reference_index: of that frame. covariance: float64 (6, 6), of x in T_true = exp(x) T, where T
    is T_reference_camera: rotation [rad], then translation [units]. is_held: in some direction the
    views tell next to nothing, and the motion before them holds the pose.
    """

    reference_index: int
    covariance: Float64[np.ndarray, "6 6"]
    is_held: bool = False

    def scaled(self, factor: float) -> PoseUncertainty:
        """In units of which there are `factor` to one of those it is in."""
        each = np.array([1.0, 1.0, 1.0, factor, factor, factor])
        return replace(self, covariance=self.covariance * np.outer(each, each))

    @property
    def sigma_rotation(self) -> float:
        """Standard deviation of the rotation's angle, radians."""
        return float(np.sqrt(np.trace(self.covariance[:3, :3])))

    def sigma_position(self, position: Float64[np.ndarray, " 3"]) -> float:
        """Standard deviation of the camera's place, units. position: of the camera, (3,), in the
        reference: turning about the reference moves what is far from it."""
        x, y, z = position
        turned = np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]])  # derivative of omega x position
        jacobian = np.hstack([turned, np.eye(3)])
        return float(np.sqrt(np.trace(jacobian @ self.covariance @ jacobian.T)))
