"""What follows the graph is told where keyframes are, as far as that has changed."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from mapper.backend.graph.pose_graph import PoseGraph


class SettledPoses:
    """What the dense map has to follow: of the keyframes that are closed and will stay. And what
    whoever shows the map has to: of all."""

    def __init__(self, graph: PoseGraph) -> None:
        self._graph = graph
        self._moment = 0  # of the graph's poses, when they were last asked for
        self._waiting: Set[int] = frozenset()  # keyframes that were pending then
        self._was_connected = False
        self._told = 0  # the moment of which moved() told last

    def changes(self, pending: Set[int]) -> dict[int, np.ndarray] | None:
        """S_world_keyframe of those that were set since they were last asked for, or pending then.

        pending: keyframes that are open or may still be culled. None: all are to be compared, as
        parts of the graph were joined or are not yet, and which of them is the map may change.
        """
        poses = self._graph.poses
        changed = {*poses.set_since(self._moment), *self._waiting} - pending
        was_connected, self._was_connected = self._was_connected, self._graph.is_connected
        self._moment, self._waiting = poses.moment, pending
        if not (was_connected and self._was_connected):
            return None
        return {k: poses[k] for k in sorted(changed) if k in poses}

    def moved(self) -> list[int]:
        """Keyframes whose poses were set since this was last asked."""
        since, self._told = self._told, self._graph.poses.moment
        return self._graph.poses.set_since(since)
