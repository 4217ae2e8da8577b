"""What the main loop tells a viewer, and the viewer that is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mapper.core.frame import Frame
from mapper.core.mesh import Mesh


class MapLogger:
    """What the main loop tells a viewer; what a viewer does not override it does not show.

    All poses are camera-to-world, OpenCV axes.

    frame: without a pose where it could not be placed. url: of the web viewer. tunnel: the ssh
    command that reaches it from another machine.
    closed_by_user: the viewer's window was closed.
    """

    url: str | None = None
    tunnel: str | None = None

    @property
    def closed_by_user(self) -> bool:
        """Whether the window was closed."""
        return False

    def frame(
        self, frame: Frame, T_world_camera: np.ndarray | None, state: str, values: dict[str, float]
    ) -> None:
        """One frame: its image, pose (4, 4), state of tracking and numbers to plot."""

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

    def moving(self, points: np.ndarray) -> None:
        """Points (N, 3) in the world of things that moved, instead of those shown before."""

    def mesh(self, mesh: Mesh) -> None:
        """The fused mesh."""

    def close(self) -> None:
        """Write out what waits and end."""


class NullLogger(MapLogger):
    """Shows nothing and writes nothing."""
