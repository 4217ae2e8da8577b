"""Which keyframes see the same."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import in_reach, reach_of
from mapper.backend.loops.view_consistency import view_overlap
from mapper.core.sim3 import inverse_similarity


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
        shared = []
        for i in in_reach(j, poses, reach_of(j, poses, maps)):
            S_i_j = inverse_similarity(poses[i]) @ poses[j]
            overlap = view_overlap(maps.coarse(j), maps.coarse(i), S_i_j, 2).overlap
            if overlap >= min_overlap:
                shared.append((overlap, i))
        pairs.update((i, j) for _, i in sorted(shared, reverse=True)[:neighbours])
    return sorted(pairs)
