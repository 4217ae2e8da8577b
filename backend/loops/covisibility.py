"""Which keyframes see the same."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import overlapping


def covisible_pairs(
    poses: Mapping[int, np.ndarray], maps: MapCache, neighbours: int, min_overlap: float
) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of keyframes that share at least min_overlap of what j sees.

    poses: S_world_keyframe. For each keyframe at most `neighbours` earlier ones, the most shared
    first, and always the one before it: consecutive views are compared whatever they share.
    """
    ids = sorted(poses)
    pairs = set(itertools.pairwise(ids))
    for j in ids:
        pairs.update((i, j) for i in overlapping(j, poses, maps, min_overlap)[:neighbours])
    return sorted(pairs)
