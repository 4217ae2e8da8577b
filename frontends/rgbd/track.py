"""What the tracker of a depth camera remembers from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mapper.core.geometry import inverse
from mapper.frontends.rgbd.relocaliser import Landmark
from mapper.frontends.rgbd.view import PlacedView, View


@dataclass(frozen=True, slots=True)
class Track:
    """Replaced as a whole by each frame, never changed: whoever holds one holds that moment.

    reference: the view that frames are aligned with. last: the last one that was placed, at
    T_world_last (4, 4). velocity: (4, 4), T_last_camera of a frame if the camera goes on as before.
    covariance: (6, 6), of T_reference_last, see PoseUncertainty. lost_frames: since then.
    """

    reference: PlacedView
    last: View
    T_world_last: np.ndarray
    velocity: np.ndarray
    covariance: np.ndarray
    lost_frames: int = 0

    @property
    def T_reference_last(self) -> np.ndarray:
        """Where the last frame is, seen from the reference."""
        return inverse(self.reference.T_world_camera) @ self.T_world_last


@dataclass(frozen=True, slots=True)
class TrackMemory:
    """Everything the frontend rgbd knows at one moment. track: None before a segment's first frame.

    landmarks: the references that a lost camera is looked for among.
    """

    segment: int
    track: Track | None
    landmarks: tuple[Landmark, ...]

    def note(self) -> dict[str, Any]:
        """As plain values: poses, and the indices of the frames it refers to."""
        track, still = self.track, np.eye(4).tolist()
        return {
            "segment": self.segment,
            "lost_frames": 0 if track is None else track.lost_frames,
            "reference": None if track is None else track.reference.view.frame_index,
            "last": None if track is None else track.last.frame_index,
            "T_world_last": still if track is None else track.T_world_last.tolist(),
            "velocity": still if track is None else track.velocity.tolist(),
            "covariance": (np.zeros((6, 6)) if track is None else track.covariance).tolist(),
            "landmarks": [(m.frame_index, m.T_world_camera.tolist()) for m in self.landmarks],
        }
