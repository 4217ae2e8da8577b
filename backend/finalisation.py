"""What is done to a map once all frames are in: the last optimisation, alignment and fusion.

Used when a run ends, when a run is aligned again, when its map is fused again and when a run that
was interrupted is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.config import BackendConfig
from mapper.backend.fusion.map_fusion import FusionConfig, MapFusion
from mapper.backend.global_map import GlobalMap, MapOf, followed
from mapper.backend.graph.components import main_keyframes
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.covisibility import covisible_pairs
from mapper.backend.priors.knowledge import Knowledge
from mapper.backend.priors.tie import TieTask, tie, with_relative_poses

logger = logging.getLogger(__name__)

# Another way to align a map than the backend's own. It is given the maps as they were recorded.
Aligner = Callable[[GlobalMap, MapOf], GlobalMap]
Progress = Callable[[int, int], None]
TakeOut = Callable[[GlobalMap], None]  # what moved, of the keyframes' maps


def nothing_moves(final: GlobalMap) -> None:
    """For a map in which nobody looks for what moved."""


NOTHING_KNOWN: Final = Knowledge()


def finalise(
    keyframes: list[Keyframe],
    graph: PoseGraph,
    maps: MapCache,
    config: BackendConfig,
    aligner: Aligner | None = None,
    known: Knowledge = NOTHING_KNOWN,
    take_out: TakeOut = nothing_moves,
) -> GlobalMap:
    """Optimise the graph for good, tie it to what is known from elsewhere, then align the map,
    where that is asked for.

    aligner: in place of the backend's own global alignment. take_out: is asked before the maps
    are aligned by what they show.
    """
    final = optimised_map(keyframes, graph, known)
    take_out(final)
    if aligner is not None:
        return tied_again(aligner(final, maps.map), graph, known)
    if _is_to_be_aligned(keyframes[0], maps, config):
        has_one_camera = all(keyframe.shares_camera for keyframe in final.keyframes)
        aligned = globally_aligned(
            final, graph, maps, config.alignment, is_focal_open=has_one_camera
        )
        return tied_again(aligned, graph, known)
    return final


def optimised_map(
    keyframes: list[Keyframe], graph: PoseGraph, known: Knowledge = NOTHING_KNOWN
) -> GlobalMap:
    """The map at the graph's optimum, and at that of what is known, if it can be tied to that."""
    graph.optimise(final=True)
    final = connected_map(keyframes, graph)
    if known and final.keyframes:
        tied = tie(TieTask(final.keyframes, final.poses, _edges_of(final, graph), graph), known)
        if tied.tie.refused:
            logger.warning("what is known of the map is left out: %s", tied.tie.refused)
        for keyframe_id, S in graph.poses.items():
            graph.poses[keyframe_id] = tied.poses.get(keyframe_id, tied.S_new_old @ S)
        final = replace(final, poses=tied.poses, tie=tied.tie)
    return replace(final, dropped_loops=contradicted_loops(graph))


def tied_again(aligned: GlobalMap, graph: PoseGraph, known: Knowledge) -> GlobalMap:
    """A map that was tied and then aligned, which knows of its views alone.

    What the alignment made of neighbours stays as it is, as far as the edges would have; what adds
    up over many of them gives way to what is known.
    """
    if aligned.tie is None or aligned.tie.refused:
        return aligned
    edges = with_relative_poses(
        [edge for edge in _edges_of(aligned, graph) if graph.is_inlier(edge)], aligned.poses
    )
    tied = tie(TieTask(aligned.keyframes, aligned.poses, edges, graph), known)
    if tied.tie.refused:
        logger.warning("the aligned map is not tied again: %s", tied.tie.refused)
        return aligned
    return replace(aligned, poses=tied.poses, tie=tied.tie)


def _edges_of(final: GlobalMap, graph: PoseGraph) -> list[Edge]:
    """Between keyframes of the map."""
    return [e for e in graph.edges if e.i in final.poses and e.j in final.poses]


def connected_map(keyframes: list[Keyframe], graph: PoseGraph) -> GlobalMap:
    """The main keyframes where the graph has them now."""
    main = main_keyframes(keyframes, graph)
    poses = {keyframe.id: graph.poses[keyframe.id] for keyframe in main}
    apart = sum(k.frame_count for k in keyframes if k.id not in poses)
    return GlobalMap(main, poses, apart=apart)


def contradicted_loops(graph: PoseGraph) -> set[tuple[int, int]]:
    """Keyframe pairs of the verified loops that the graph's poses contradict."""
    loops = (edge for edge in graph.edges if edge.kind == EdgeKind.LOOP)
    return {(edge.i, edge.j) for edge in loops if not graph.is_inlier(edge)}


def globally_aligned(
    final: GlobalMap,
    graph: PoseGraph,
    maps: MapCache,
    config: GlobalAlignmentConfig,
    progress: Progress | None = None,
    is_focal_open: bool = False,
) -> GlobalMap:
    """The map with its keyframes aligned; as it is where that fails, or they are too many.

    is_focal_open: all have one camera, and what its focal length is may come of the alignment.
    Those that are left out take no part and follow their neighbours. The graph stays as it is.
    """
    poses = final.fused_poses
    if len(poses) < 2:
        return final
    if len(poses) > config.max_keyframes:
        logger.warning(
            "%d keyframes are not aligned globally: more than alignment.max_keyframes, %d",
            len(poses),
            config.max_keyframes,
        )
        return final
    pairs = covisible_pairs(poses, maps, config.neighbours, config.min_overlap)
    # Torch takes a second and 200 MB, which maps that are not aligned do without.
    from mapper.backend.alignment.alignment import AlignmentTask, try_to_align

    edges = [e for e in graph.edges if e.i in poses and e.j in poses and graph.is_inlier(e)]
    # What a frontend adjusted together stays: matches of whole images are worse than its points.
    adjusted = {k for e in edges if e.kind == EdgeKind.ADJUSTED for k in (e.i, e.j)}
    fixed = tuple(sorted(adjusted))
    task = AlignmentTask(poses, edges, pairs, graph.free_scale, fixed, is_focal_open)
    alignment = try_to_align(task, maps.map, config, progress)
    if alignment is None:
        return final
    pairs = covisible_pairs(alignment.poses, maps, config.neighbours, config.min_overlap)
    return replace(
        final,
        poses=followed(final.poses, alignment.poses),
        corrections=alignment.corrections,
        pairs=pairs,
        alignment=alignment,
    )


def fused_map(final: GlobalMap, config: FusionConfig, map_of: MapOf) -> MapFusion:
    """All keyframes that can be read, in a new volume. map_of: as they should be fused."""
    fusion = MapFusion(config, map_of)
    fusion.sync(final.fused_poses)
    fusion.even_exposures()
    return fusion


def _is_to_be_aligned(first: Keyframe, maps: MapCache, config: BackendConfig) -> bool:
    """What a depth camera saw is placed well enough by the graph."""
    if config.align == "auto":
        return not maps.coarse(first.id).noise.is_measured
    return config.align in ("final", "online")
