"""What the main loop tells a viewer, and the viewer that is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh


class MapLogger(Protocol):
    """What the main loop tells a viewer. All poses are camera-to-world, OpenCV axes.

    frame: without a pose where it could not be placed. url: of the web viewer. tunnel: the ssh
    command that reaches it from another machine.
    closed_by_user: the viewer's window was closed.
    """

    url: str | None
    tunnel: str | None

    @property
    def closed_by_user(self) -> bool:
        """Whether the window was closed."""

    def frame(
        self,
        index: int,
        timestamp: float,
        image_rgb: np.ndarray,
        T_world_camera: np.ndarray | None,
        intrinsics: Intrinsics | None,
        state: str,
        values: Mapping[str, float],
    ) -> None:
        """One frame: its image, pose, state and numbers."""

    def at(self, index: int, timestamp: float) -> None:
        """Set the time of what follows."""

    def numbers(self, values: Mapping[str, float]) -> None:
        """Values to plot, by name."""

    def keyframe(
        self, id: int, points: np.ndarray, colors: np.ndarray, T_world_camera: np.ndarray
    ) -> None:
        """A new keyframe with its points (N, 3) in its camera and their colours."""

    def forget(self, id: int) -> None:
        """Take a keyframe away."""

    def keyframe_maps(self, depth: np.ndarray, confidence: np.ndarray) -> None:
        """Depth and confidence (h, w) of the newest keyframe."""

    def keyframe_poses(self, poses: Mapping[int, np.ndarray]) -> None:
        """Moved poses T_world_camera by keyframe."""

    def edges(self, pairs: Sequence[tuple[int, int, str]], poses: Mapping[int, np.ndarray]) -> None:
        """All edges (i, j, kind) of the graph."""

    def event(self, text: str, level: str = "INFO") -> None:
        """A line of text."""

    def trajectory(self, positions: np.ndarray) -> None:
        """All positions (N, 3) so far."""

    def align_ground_truth(self, T: np.ndarray) -> None:
        """T_world_truth (4, 4), by which the ground truth is shown."""

    def mesh(self, mesh: Mesh) -> None:
        """The fused mesh."""

    def close(self) -> None:
        """Write out what waits and end."""


class NullLogger:
    """A MapLogger that shows nothing and writes nothing."""

    url: str | None = None
    tunnel: str | None = None
    closed_by_user = False

    def frame(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def at(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def numbers(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def keyframe(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def forget(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def keyframe_maps(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def keyframe_poses(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def edges(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def event(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def trajectory(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def align_ground_truth(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def mesh(self, *args: object, **kwargs: object) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Nothing is open."""
