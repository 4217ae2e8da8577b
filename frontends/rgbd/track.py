"""What the tracker of a depth camera remembers from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.rgbd.view import PlacedView


@dataclass(frozen=True, slots=True)
class Track:
    """Replaced as a whole by each frame, never changed: whoever holds one holds that moment.

    reference: the view that frames are aligned with. last: the last one that was placed. velocity:
    (4, 4), T_last_camera of a frame if the camera goes on as before. covariance: (6, 6), of
    T_reference_last, see PoseUncertainty. lost_frames: since then. most_shared: of any view's
    points, with the reference.
    """

    reference: PlacedView
    last: PlacedView
    velocity: np.ndarray
    covariance: np.ndarray
    lost_frames: int = 0
    most_shared: float = 0.0

    @property
    def T_world_last(self) -> np.ndarray:
        """Where the last frame was placed, (4, 4)."""
        return self.last.T_world_camera

    @property
    def T_reference_last(self) -> np.ndarray:
        """Where the last frame is, seen from the reference."""
        return inverse(self.reference.T_world_camera) @ self.T_world_last

    def note(self) -> dict[str, Any]:
        """As plain values; views are named by the indices of their frames."""
        return {
            "reference": self.reference.view.frame_index,
            "last": noted(self.last),
            "velocity": self.velocity.tolist(),
            "covariance": self.covariance.tolist(),
            "lost_frames": self.lost_frames,
            "most_shared": self.most_shared,
        }


def noted(placed: PlacedView) -> dict[str, Any]:
    """A placed view as plain values."""
    return {
        "frame": placed.view.frame_index,
        "T_world_camera": placed.T_world_camera.tolist(),
        "reference": placed.uncertainty.reference_index,
        "covariance": placed.uncertainty.covariance.tolist(),
        "is_held": placed.uncertainty.is_held,
        "light": placed.light,
        "leaves_out": placed.leaves_out,
    }
