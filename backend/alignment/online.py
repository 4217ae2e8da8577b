"""Global alignment of the newest keyframes while mapping; the pose graph takes its word."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from annotated_types import Ge

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.covisibility import covisible_pairs
from mapper.core.quantities import Count, Keyframes, PositiveShare
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity
from mapper.runtime.torch_threads import one_thread

MIN_MATCHES = 40  # places recognised in both of two keyframes, before they make an edge
FIXED = 2  # of the window's keyframes, the oldest stay where they are: place and scale


@settings
class OnlineAlignmentConfig:
    """Alignment of the newest keyframes while mapping.

    every: keyframes between two alignments.
    window: the newest keyframes, that are aligned.
    rounds: see alignment.rounds; the window was aligned before and is close.
    information_share: what the edges that come of it are worth, of what the correspondences say;
        they are not independent of each other.
    """

    every: Keyframes = 5
    window: Annotated[Keyframes, Ge(FIXED + 1)] = 12
    rounds: Count = 3
    information_share: PositiveShare = 0.1


def align_newest(
    keyframe_ids: list[int],
    graph: PoseGraph,
    maps: MapCache,
    online: OnlineAlignmentConfig,
    config: GlobalAlignmentConfig,
) -> list[Edge]:
    """Align the newest closed keyframes, move them, and return the edges that now hold them.

    keyframe_ids: of one component, in order. Edges of the graph between the same keyframes give
    way to what all of them together say. Loops that lead out of the window stay as they are.
    """
    from mapper.backend.alignment.alignment import AlignmentTask, try_to_align

    window = _hanging_together(keyframe_ids[-online.window :], graph)
    if len(window) <= FIXED:
        return []
    poses = {k: graph.poses[k] for k in window}
    pairs = covisible_pairs(poses, maps, config.neighbours, config.min_overlap)
    edges = [e for e in graph.edges_among(window) if graph.is_inlier(e)]
    task = AlignmentTask(poses, edges, pairs, graph.free_scale, window[:FIXED])
    # On a GPU it would queue up behind the frontend's frames, each time that it waits for a number.
    device = "cpu" if config.device == "auto" else config.device
    settings = replace(config, rounds=online.rounds, refine_focal="never", device=device)
    with one_thread():  # the frontend needs the other cores
        aligned = try_to_align(task, maps.map, settings)
    if aligned is None:
        return []
    graph.poses.update(aligned.poses)
    kinds = {(e.i, e.j): e.kind for e in graph.edges_among(window)}
    measured = [
        Edge(
            i,
            j,
            inverse_similarity(aligned.poses[i]) @ aligned.poses[j],
            online.information_share * information + 1e-6 * np.eye(7),
            kinds.get((i, j), EdgeKind.COVISIBILITY),  # what was trusted still is, and no other
        )
        for (i, j), information in aligned.information.items()
        if aligned.matches_of[i, j] >= MIN_MATCHES
    ]
    graph.replace_edges(measured)
    return measured


def _hanging_together(window: list[int], graph: PoseGraph) -> list[int]:
    """Those that edges within the window join to its newest: nothing would hold the others.

    Where keyframes were culled, neighbours in time may be joined by way of older ones only.
    """
    joined, edges = set(window[-1:]), graph.edges_among(window)
    for _ in window:
        joined |= {k for e in edges if {e.i, e.j} & joined for k in (e.i, e.j)}
    return [k for k in window if k in joined]
