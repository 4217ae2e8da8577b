"""Ties a saved run to lengths and tags that were measured since; its map is fused anew."""

from __future__ import annotations

import time
from dataclasses import replace

from mapper.backend.config import BackendConfig
from mapper.backend.finalisation import fused_map
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph.restoration import restored_graph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import TieTask, tie, with_relative_poses
from mapper.backend.self_doubt.doubt import doubt
from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph, load_map
from mapper.saved.realignment import Realignment
from mapper.slam.matchers import matcher_that_made


def refuse_metric(run: RunDirectory, saved: GlobalMap) -> None:
    """Raise InputError where a depth camera measured the map: it is in metres by itself."""
    if saved.keyframes[0].is_metric:
        raise InputError(
            f"{run.path}: this map is in metres by its depth camera, whose scale is believed; a "
            "wrong depth scale is mended by a calibration file (--calib)"
        )


def rescale(run: RunDirectory, config: BackendConfig, known: Knowledge) -> Realignment:
    """The run's map, as it is, tied to all that is known of it.

    What the views make of neighbours stays as the map has it. Raises InputError where it cannot be
    right.
    """
    started = time.perf_counter()
    damaged: list[int] = []
    keyframes, edges = load_graph(run, damaged=damaged)
    saved = load_map(run)
    graph = _graph_of(saved, config, keyframes, edges)
    between = [edge for edge in graph.edges if edge.i in saved.poses and edge.j in saved.poses]
    held = with_relative_poses([e for e in between if graph.is_inlier(e)], saved.poses)
    tied = tie(TieTask(saved.keyframes, saved.poses, held, graph), known)
    if tied.tie.refused:
        raise InputError(f"{run.path}: {tied.tie.refused}; the run is left as it was")
    final = replace(saved, poses=tied.poses, tie=tied.tie)
    graph.poses.update(final.poses)
    maps = MapCache(run.keyframes, config.cached_keyframes, config.fusion.tsdf.max_depth)
    whole = [keyframe for keyframe in keyframes if keyframe.id not in damaged]
    for keyframe in whole:
        maps.adopt(keyframe.id)
    source = final.maps_to_fuse(config.refinement, maps.map)
    return Realignment(
        final,
        fused_map(final, config.fusion, source).extract_mesh(),
        config.fusion.tsdf,
        len(keyframes),
        between,
        doubt(final, graph, maps, matcher_that_made(whole), config.edges.alignment),
        time.perf_counter() - started,
    )


def _graph_of(
    saved: GlobalMap, config: BackendConfig, keyframes: list[Keyframe], edges: list[Edge]
) -> PoseGraph:
    """The run's graph with its keyframes where the map has them."""
    graph = restored_graph(config.graph, keyframes, edges)
    graph.poses.update(saved.poses)
    return graph
