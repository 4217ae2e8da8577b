"""Did the camera leap to a place that another one looks like?

Two ends of a cabinet, two shelves of a row: where views would look as right elsewhere the graph
doubts its step, and yet the map may follow it, for what comes later agrees with either place. What
no such place can fake is how cameras move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge

FASTER: Final = 3.0  # times as fast as nine of ten steps
LEAST_STEPS: Final = 10  # of which it can be said how the camera moves
LEAST_TURN: Final = 0.7  # radians; or
LEAST_WAY: Final = 0.5  # units: a smaller leap is no more than a hurried hand
AT_LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Leap:
    """before, after: timestamps [s] of two frames that follow each other in the map. times: as fast
    as the camera moves otherwise."""

    before: float
    after: float
    times: float


def leaps(final: GlobalMap, edges: Sequence[Edge]) -> list[Leap]:
    """Steps into keyframes that the graph doubts and that no other step comes near in speed.

    edges: of the graph.
    """
    doubted = {edge.j for edge in edges if edge.kind.is_trusted and not edge.is_confirmed}
    opened = {keyframe.timestamp for keyframe in final.keyframes if keyframe.id in doubted}
    _, trajectory = final.trajectory()
    times, T = trajectory.timestamps, trajectory.T_world_camera
    if len(times) <= LEAST_STEPS or not opened:
        return []
    seconds = np.maximum(np.diff(times), AT_LEAST)
    ways = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=1)
    traces = np.einsum("nij,nij->n", T[:-1, :3, :3], T[1:, :3, :3])
    turns = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    faster = np.maximum(
        np.where(ways >= LEAST_WAY, _times(ways / seconds), 0.0),
        np.where(turns >= LEAST_TURN, _times(turns / seconds), 0.0),
    )
    return [
        Leap(float(times[k]), float(times[k + 1]), float(faster[k]))
        for k in np.flatnonzero(faster >= FASTER).tolist()
        if times[k + 1] in opened
    ]


def _times(speeds: np.ndarray) -> np.ndarray:
    """As multiples of what nine of ten stay below."""
    return np.asarray(speeds / max(float(np.percentile(speeds, 90)), AT_LEAST))
