"""Aligns the keyframes of a saved run anew; realigned_outputs.py writes what comes of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import MapFusion
from mapper.backend.graph.components import main_keyframes
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.linker import KeyframeLinker
from mapper.backend.settlement import Settlement, settle
from mapper.core.mesh import Mesh
from mapper.core.sim3 import inverse_similarity
from mapper.errors import InputError
from mapper.run.directory import RunDirectory
from mapper.saved.map import SavedMap, load_graph

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Realignment:
    """saved: the map at its new poses. settlement: of the alignment. mesh: fused anew.

    left_out: keyframes whose files could not be read; they follow their neighbours. keyframes: how
    many the run has, those outside the map too. edges: of the graph between keyframes of the map.
    dropped_loops: pairs of keyframes that the graph contradicts. seconds: what it took.
    """

    saved: SavedMap
    settlement: Settlement
    mesh: Mesh
    left_out: list[int]
    keyframes: int
    edges: list[Edge]
    dropped_loops: set[tuple[int, int]]
    seconds: float


def realign(
    run: RunDirectory, config: BackendConfig, progress: Progress | None = None
) -> Realignment:
    """Align a run's keyframes globally, from where its pose graph puts them.

    Raises InputError where there is nothing to align.
    """
    started = time.perf_counter()
    damaged: list[int] = []
    keyframes, edges = load_graph(run, damaged=damaged)
    maps = MapCache(run.keyframes, config.cached_keyframes, config.fusion.tsdf.max_depth)
    whole = [keyframe for keyframe in keyframes if keyframe.id not in damaged]
    readable = {keyframe.id for keyframe in whole} - _unreadable(whole, maps)
    graph = _optimised(keyframes, edges, maps, config)
    main = main_keyframes(keyframes, graph)
    ids = [keyframe.id for keyframe in main if keyframe.id in readable]
    if len(ids) < 2:
        raise InputError(f"{run.path}: fewer than two keyframes can be read: nothing to align")
    before = {keyframe.id: graph.poses[keyframe.id] for keyframe in main}
    settlement = settle(ids, graph, maps, config.alignment, True, progress)
    poses = _followed(before, {k: graph.poses[k] for k in ids})
    refined = settlement.refined_maps(config.refinement, maps, {k: poses[k] for k in ids})
    fusion = MapFusion(config.fusion, refined.map)
    fusion.sync({k: poses[k] for k in ids})
    left_out = sorted(set(before) - set(ids))
    return Realignment(
        SavedMap(main, poses, settlement.corrections, settlement.pairs, left_out),
        settlement,
        fusion.extract_mesh(),
        left_out,
        len(keyframes),
        [edge for edge in edges if edge.i in poses and edge.j in poses],
        {(e.i, e.j) for e in edges if e.kind == EdgeKind.LOOP and not graph.is_inlier(e)},
        time.perf_counter() - started,
    )


def _unreadable(keyframes: list[Keyframe], maps: MapCache) -> set[int]:
    """Keyframes whose maps cannot be loaded; each is named in the log."""
    bad = set()
    for keyframe in keyframes:
        try:
            maps.adopt(keyframe.id)
        except InputError as error:
            logger.warning("%s", error)
            bad.add(keyframe.id)
    return bad


def _optimised(
    keyframes: list[Keyframe], edges: list[Edge], maps: MapCache, config: BackendConfig
) -> PoseGraph:
    """The pose graph of the run at its optimum."""
    graph = PoseGraph(config.graph)
    if keyframes:
        graph.take_units(keyframes[0].is_metric)
    KeyframeLinker(graph, maps, config.edges, config.loops).restore(keyframes, edges)
    graph.optimise(final=True)
    return graph


def _followed(
    before: dict[int, np.ndarray], aligned: dict[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """All poses; what could not be aligned keeps its place beside its nearest aligned keyframe."""
    poses = dict(aligned)
    for keyframe_id, S in before.items():
        if keyframe_id not in aligned:
            nearest = min(aligned, key=lambda k: (abs(k - keyframe_id), k))
            poses[keyframe_id] = aligned[nearest] @ inverse_similarity(before[nearest]) @ S
    return poses
