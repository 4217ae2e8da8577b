"""Do the surfaces of two sessions that were joined bear it out?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import in_reach, reach_of
from mapper.backend.loops.view_consistency import points_compared
from mapper.core.sim3 import inverse_similarity


@dataclass(frozen=True, slots=True)
class Compared:
    """Points of one session's keyframes that another one's agree with, and that they contradict:
    that stand in its free space, or behind its surfaces by too little to be another one."""

    agreeing: int
    conflicting: int

    @property
    def share(self) -> float:
        """Of the points that both sessions say something of, those on which they agree."""
        return self.agreeing / max(self.agreeing + self.conflicting, 1)


def surfaces_compared(
    earlier: Iterable[int],
    later: Sequence[int],
    poses: Mapping[int, np.ndarray],
    maps: MapCache,
) -> Compared:
    """All keyframes of two sessions that are in reach of one another, both ways.

    earlier, later: ids of keyframes, all of the earlier ones smaller. poses: S_world_keyframe.
    """
    known = {k: poses[k] for k in earlier if k in poses}
    agreeing = conflicting = 0
    for j in later:
        if j not in poses:
            continue
        around = {**known, j: poses[j]}
        for i in in_reach(j, around, reach_of(j, around, maps)):
            S_i_j = inverse_similarity(poses[i]) @ poses[j]
            a, b = maps.coarse(i), maps.coarse(j)
            for agree, conflict in (
                points_compared(b, a, S_i_j),
                points_compared(a, b, inverse_similarity(S_i_j)),
            ):
                agreeing += agree
                conflicting += conflict
    return Compared(agreeing, conflicting)
