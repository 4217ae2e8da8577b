"""Was a camera that had been lost found again by more than the shape of things?

Surfaces agree wherever things are alike: the two sides of a cabinet, the ends of a corridor. What
comes after a gap is joined to what came before where features confirm it; else it is a guess. So it
is where the graph itself doubts every edge across: features too repeat themselves on stairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.global_map import GlobalMap
from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.self_doubt.match_conflicts import Matches
from mapper.backend.self_doubt.surface_conflicts import SurfaceConflict
from mapper.core.geometry import inverse
from mapper.core.sim3 import rigid_part
from mapper.vision.matching import FeatureMatcher

LOST: Final = 5  # frames in a row without a place, after which the way in between is not known
CONFIRMING: Final = 12  # matches that agree with the map, of one pair across the gap
ASKED: Final = 12  # such pairs, those first that were seen soonest after it


@dataclass(frozen=True, slots=True)
class UnconfirmedJoin:
    """before, after: timestamps [s] of the last frame before a gap and of the first one after."""

    before: float
    after: float


def unconfirmed_joins(
    final: GlobalMap,
    surfaces: Sequence[SurfaceConflict],
    matcher: FeatureMatcher,
    edges: Sequence[Edge],
) -> list[UnconfirmedJoin]:
    """Gaps in which the camera was lost, where no features tie what comes after to what was before,
    or no edge does that has its full weight.

    surfaces: the pairs that share a view. edges: of the graph.
    """
    by_id = {keyframe.id: keyframe for keyframe in final.keyframes}
    indices, trajectory = final.trajectory()
    found = []
    for row in np.flatnonzero(np.diff(indices) > LOST).tolist():
        last, first = int(indices[row]), int(indices[row + 1])
        across = _across(by_id, surfaces, last, first)
        if _all_doubted(by_id, edges, last, first) or not any(
            _confirms(pair, final.poses, matcher) for pair in across[:ASKED]
        ):
            before, after = trajectory.timestamps[row : row + 2].tolist()
            found.append(UnconfirmedJoin(before, after))
    return found


def _all_doubted(
    by_id: Mapping[int, Keyframe], edges: Sequence[Edge], last: int, first: int
) -> bool:
    """Whether there are edges over a gap, and not one that something confirmed."""
    across = [
        edge.is_confirmed
        for edge in edges
        if edge.i in by_id and edge.j in by_id
        if by_id[edge.i].frame_index <= last and by_id[edge.j].frame_index >= first
    ]
    return bool(across) and not any(across)


def _across(
    by_id: Mapping[int, Keyframe], surfaces: Sequence[SurfaceConflict], last: int, first: int
) -> list[tuple[Keyframe, Keyframe]]:
    """Pairs that share a view, one up to frame `last` and one from frame `first` on."""

    def pairs() -> Iterator[tuple[Keyframe, Keyframe]]:
        for each in surfaces:
            earlier, later = by_id[each.i], by_id[each.j]
            if earlier.frame_index <= last and later.frame_index >= first:
                yield earlier, later

    return sorted(pairs(), key=lambda pair: (pair[1].id, -pair[0].id))


def _confirms(
    pair: tuple[Keyframe, Keyframe], poses: Mapping[int, np.ndarray], matcher: FeatureMatcher
) -> bool:
    earlier, later = pair
    T_map = inverse(rigid_part(poses[earlier.id])) @ rigid_part(poses[later.id])
    return Matches.of(earlier, later, matcher).agreeing(T_map) >= CONFIRMING
