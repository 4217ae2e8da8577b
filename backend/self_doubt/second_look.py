"""Looks again at two keyframes whose surfaces contradict each other: do they fit elsewhere?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.step_recovery import recognised_start
from mapper.backend.self_doubt.misplacement import Misplacement, misplacement
from mapper.backend.self_doubt.surface_conflicts import SurfaceConflict, conflict_of
from mapper.core.sim3 import inverse_similarity
from mapper.vision.dense_alignment import AlignmentConfig, align
from mapper.vision.matching import FeatureMatcher

MUCH_LESS: Final = 0.5  # of the conflict that is left where the views fit


def look_again(
    conflict: SurfaceConflict,
    keyframes: tuple[Keyframe, Keyframe],
    S_i_j: np.ndarray,
    maps: MapCache,
    config: AlignmentConfig,
    matcher: FeatureMatcher,
) -> Misplacement | None:
    """How far the later keyframe is from where most of the conflict is gone; None where no such
    place was found: then it is objects that moved, or a place too far away.

    keyframes: conflict.i and conflict.j. S_i_j: (4, 4), by the map. Searched from there and from
    where matched features put it.
    """
    i, j = keyframes
    a, b = maps.pyramid(i.id), maps.pyramid(j.id)
    best, least = None, MUCH_LESS * conflict.score
    for start in _starts(i, j, S_i_j, matcher):
        aligned = align(a, b, start, config)
        S = aligned.S_reference_source
        there = conflict_of(i.id, j.id, inverse_similarity(S), maps)
        if there is not None and there.score <= least:
            best, least = S, there.score
    return None if best is None else misplacement(S_i_j, best)


def _starts(
    i: Keyframe, j: Keyframe, S_i_j: np.ndarray, matcher: FeatureMatcher
) -> Iterator[np.ndarray]:
    yield S_i_j
    found = recognised_start(i, j, matcher, free_scale=False)
    if found is not None:
        yield found[0]
