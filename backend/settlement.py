"""What is done to a map once all frames are in: global alignment, and the maps it makes better."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.refined_maps import RefinedMaps, RefinementConfig
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.covisibility import covisible_pairs

if TYPE_CHECKING:
    from mapper.backend.alignment.alignment import GlobalAlignment

logger = logging.getLogger(__name__)


class OtherMap(Protocol):
    """What another way to align a map makes of it. poses: S_world_keyframe of all its keyframes.

    aligned: their new maps, of those that have one. map_of: the new one or the one before.
    """

    @property
    def poses(self) -> Mapping[int, np.ndarray]: ...
    @property
    def aligned(self) -> Mapping[int, KeyframeMap]: ...
    def map_of(self, keyframe_id: int) -> KeyframeMap: ...


OtherAlignment = Callable[
    [Sequence[Keyframe], Mapping[int, np.ndarray], Callable[[int], KeyframeMap]], OtherMap
]


@dataclass(frozen=True, slots=True)
class Settlement:
    """corrections: log-depth grids by keyframe. pairs: keyframes that see the same.

    alignment: None where none was asked for or there was nothing to align.
    """

    corrections: dict[int, np.ndarray] = field(default_factory=dict)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    alignment: GlobalAlignment | None = None

    def refined_maps(
        self, config: RefinementConfig, maps: MapCache, poses: dict[int, np.ndarray]
    ) -> RefinedMaps:
        """The keyframes' maps as they should be fused."""
        return RefinedMaps(config, maps.map, poses, self.corrections, self.pairs)


def settle(
    keyframe_ids: Sequence[int],
    graph: PoseGraph,
    maps: MapCache,
    config: GlobalAlignmentConfig,
    align: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Settlement:
    """Align the given keyframes, which hang together, and move them in the graph.

    align: else there is nothing to do. An alignment that fails moves nothing.
    """
    poses = {k: graph.poses[k] for k in keyframe_ids}
    if not align or len(poses) < 2:
        return Settlement()
    if len(poses) > config.max_keyframes:
        logger.warning(
            "%d keyframes are not aligned globally: more than alignment.max_keyframes, %d",
            len(poses),
            config.max_keyframes,
        )
        return Settlement()
    pairs = covisible_pairs(poses, maps, config.neighbours, config.min_overlap)
    # Torch takes a second and 200 MB, which maps that are not aligned do without.
    from mapper.backend.alignment.alignment import AlignmentTask, try_to_align

    edges = [e for e in graph.edges if e.i in poses and e.j in poses and graph.is_inlier(e)]
    task = AlignmentTask(poses, edges, pairs, graph.free_scale)
    alignment = try_to_align(task, maps.map, config, progress)
    if alignment is None:
        return Settlement(pairs=pairs)
    graph.poses.update(alignment.poses)
    pairs = covisible_pairs(alignment.poses, maps, config.neighbours, config.min_overlap)
    return Settlement(alignment.corrections, pairs, alignment)
