"""Aligns the keyframes of a saved run anew; realigned_outputs.py writes what comes of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mapper.backend.config import BackendConfig
from mapper.backend.finalisation import (
    fused_map,
    globally_aligned,
    optimised_map,
    tied_again,
)
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.restoration import restored_graph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.self_doubt.doubt import SelfDoubt, doubt
from mapper.core.mesh import Mesh
from mapper.errors import InputError
from mapper.known.stored import read_knowledge
from mapper.run.directory import RunDirectory
from mapper.saved.map import load_graph
from mapper.slam.matchers import matcher_that_made

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Realignment:
    """final: the map at its new poses. mesh: fused anew, with the settings fusion.

    keyframes: how many the run has, those outside the map too. edges: of the graph between
    keyframes of the map. doubt: what the new map says against itself. seconds: what it took.
    """

    final: GlobalMap
    mesh: Mesh
    fusion: TsdfConfig
    keyframes: int
    edges: list[Edge]
    doubt: SelfDoubt
    seconds: float


def realign(
    run: RunDirectory, config: BackendConfig, progress: Progress | None = None
) -> Realignment:
    """Align a run's keyframes globally, from where its pose graph puts them.

    Those whose files cannot be read follow their neighbours. Raises InputError where there is
    nothing to align.
    """
    started = time.perf_counter()
    damaged: list[int] = []
    keyframes, edges = load_graph(run, damaged=damaged)
    maps = MapCache(run.keyframes, config.cached_keyframes, config.fusion.tsdf.max_depth)
    whole = [keyframe for keyframe in keyframes if keyframe.id not in damaged]
    unreadable = {*damaged, *_unreadable(whole, maps)}
    graph = restored_graph(config.graph, keyframes, edges)
    known = read_knowledge(run)
    final = optimised_map(keyframes, graph, known)
    _refuse_to_untie(run, final)
    final = replace(final, left_out=[k for k in final.poses if k in unreadable])
    if len(final.fused_poses) < 2:
        raise InputError(
            f"{run.path}: fewer than two keyframes can be read, and there is nothing to align; put "
            "a whole copy back, or run the sequence again"
        )
    aligned = globally_aligned(final, graph, maps, config.alignment, progress)
    final = tied_again(aligned, graph, known)
    source = final.maps_to_fuse(config.refinement, maps.map)
    return Realignment(
        final,
        fused_map(final, config.fusion, source).extract_mesh(),
        config.fusion.tsdf,
        len(keyframes),
        [edge for edge in edges if edge.i in final.poses and edge.j in final.poses],
        doubt(final, graph, maps, matcher_that_made(whole), config.edges.alignment),
        time.perf_counter() - started,
    )


def _refuse_to_untie(run: RunDirectory, final: GlobalMap) -> None:
    """Raise InputError where a map that was tied to what is known of it no longer can be."""
    before = run.read_json(run.metrics).get("priors", {})
    if final.tie is not None and final.tie.refused and not before.get("refused"):
        raise InputError(f"{run.path}: {final.tie.refused}; the run is left as it was")


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
