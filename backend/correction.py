"""Keyframes and their frames put where their frontend says, after the fact, that they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.core.sim3 import inverse_similarity, rigid_part

# S_world_camera (4, 4) by segment and frame index, in the frontend's units: its scale is what the
# frame's depths must be multiplied by now.
CorrectedPoses = Mapping[tuple[int, int], np.ndarray]


@dataclass(frozen=True, slots=True)
class Correction:
    """keyframes: that were changed. edges: that took the place of older ones."""

    keyframes: tuple[Keyframe, ...] = ()
    edges: tuple[Edge, ...] = ()


def correct(
    keyframes: Sequence[Keyframe],
    graph: PoseGraph,
    found: CorrectedPoses,
    first_segment: int = 0,
) -> Correction:
    """Move frames within their keyframes, keyframes against each other, and the chain's edges.

    Visits stay as they were: they hang on a keyframe of another time.
    """
    found = {(segment + first_segment, index): S for (segment, index), S in found.items()}
    changed, edges = [], []
    before: tuple[Keyframe, np.ndarray] | None = None
    for keyframe in keyframes:
        S = _in_units(found.get((keyframe.segment, keyframe.frame_index)), keyframe.units)
        if S is None:
            before = None
            continue
        _move_frames(keyframe, S, found)
        if before is not None and before[0].segment == keyframe.segment:
            S_before_keyframe = inverse_similarity(before[1]) @ S
            keyframe.T_previous_keyframe = rigid_part(S_before_keyframe)
            edges += _moved_edges(graph, before[0], keyframe, S_before_keyframe)
            graph.poses[keyframe.id] = graph.poses[before[0].id] @ S_before_keyframe
        changed.append(keyframe)
        before = keyframe, S
    graph.replace_edges(edges)
    return Correction(tuple(changed), tuple(edges))


def _in_units(S: np.ndarray | None, units: float) -> np.ndarray | None:
    if S is None:
        return None
    scaled = S.copy()
    scaled[:3, 3] *= units
    return scaled


def _move_frames(keyframe: Keyframe, S: np.ndarray, found: CorrectedPoses) -> None:
    """Within their keyframe, whose place S_world_keyframe is."""
    S_keyframe_world = inverse_similarity(S)
    keyframe.T_odometry_keyframe = rigid_part(S)
    for place, frame in enumerate(keyframe.frames):
        moved = _in_units(found.get((keyframe.segment, frame.frame_index)), keyframe.units)
        if moved is None:
            continue
        T = rigid_part(S_keyframe_world @ rigid_part(moved))
        keyframe.frames[place] = TrackedFrame(frame.frame_index, frame.timestamp, T)
        keyframe.T_odometry_last = rigid_part(moved) if place else keyframe.T_odometry_last


def _moved_edges(
    graph: PoseGraph, before: Keyframe, keyframe: Keyframe, S_before_keyframe: np.ndarray
) -> list[Edge]:
    """The chain's edge between two keyframes, if there is one, as the frontend has it now."""
    ends = before.id, keyframe.id
    return [
        replace(edge, S_i_j=S_before_keyframe)
        for edge in graph.edges_at(keyframe.id)
        if (edge.i, edge.j) == ends and edge.kind == EdgeKind.ADJUSTED
    ]
