"""Where keyframes begin in a pose graph: new ones, and those of an earlier run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.keyframes.keyframe import Keyframe, shares_frame


def initial_pose(graph: PoseGraph, previous: Keyframe | None, keyframe: Keyframe) -> np.ndarray:
    """S_world_keyframe (4, 4) by the frontend's word. previous: the keyframe before, if any."""
    if previous is None:
        return np.eye(4)
    S_world_previous = graph.poses[previous.id]
    if shares_frame(previous, keyframe):
        return S_world_previous @ previous.frames[-1].T_keyframe_camera
    if previous.segment != keyframe.segment:
        return S_world_previous  # a guess, until a loop joins the two segments
    assert keyframe.T_previous_keyframe is not None
    return S_world_previous @ keyframe.T_previous_keyframe


def restore(graph: PoseGraph, keyframes: Sequence[Keyframe], edges: Sequence[Edge]) -> None:
    """Take over the keyframes and edges of an earlier run into an empty graph, in their order."""
    if keyframes:
        graph.take_units(keyframes[0].is_metric)
    arriving = edges_by_newer(keyframes, edges)
    previous = None
    for keyframe in keyframes:
        graph.add_pose(keyframe.id, initial_pose(graph, previous, keyframe))
        for edge in arriving[keyframe.id]:
            graph.add_edge(edge)
        previous = keyframe


def restored_graph(
    config: PoseGraphConfig, keyframes: Sequence[Keyframe], edges: Sequence[Edge]
) -> PoseGraph:
    """The pose graph of an earlier run, before it is optimised."""
    graph = PoseGraph(config)
    restore(graph, keyframes, edges)
    return graph


def edges_by_newer(keyframes: Sequence[Keyframe], edges: Sequence[Edge]) -> dict[int, list[Edge]]:
    """By the keyframe that was opened last of the two, which brought the edge with it."""
    arriving: dict[int, list[Edge]] = {keyframe.id: [] for keyframe in keyframes}
    for edge in edges:
        arriving[edge.j].append(edge)
    return arriving
