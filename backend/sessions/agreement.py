"""Which encounters of two sessions say the same of how their worlds lie to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.core.geometry import rotation_angle
from mapper.core.sim3 import inverse_similarity, scale_of

ENOUGH: Final = 3  # encounters that agree, before two sessions are joined
VIEWS: Final = 2  # different keyframes of each session among them
# By how much two right encounters may differ: what both sessions drifted by between them.
MAX_ANGLE: Final = np.radians(6)
MAX_SHARE: Final = 0.15  # of the depth that is seen, and
MAX_DRIFT: Final = 0.05  # of the way between the two
MAX_LOG_SCALE: Final = 0.1
CLEARLY: Final = 2.0  # times as many as agree on any other place


@dataclass(frozen=True, slots=True)
class Agreement:
    """edges: the most encounters that agree with one another. rivals: how many agree on the next
    best place. is_enough: whether the sessions may be joined by them."""

    edges: tuple[Edge, ...] = ()
    rivals: int = 0

    @property
    def is_enough(self) -> bool:
        """Several, of several views, and clearly more than speak for any other place."""
        views = min(len({e.i for e in self.edges}), len({e.j for e in self.edges}))
        several = len(self.edges) >= ENOUGH and views >= VIEWS
        return several and len(self.edges) >= CLEARLY * self.rivals


def agreement(
    edges: Sequence[Edge],
    poses: Mapping[int, np.ndarray],
    later: Mapping[int, Keyframe],
) -> Agreement:
    """Of encounters between two sessions.

    An edge that is doubted, as it would look as right elsewhere, is no witness. poses:
    S_session_keyframe of both sessions, each in its own world. later: the later one's keyframes.
    """
    sure = [edge for edge in edges if edge.is_confirmed]
    if not sure:
        return Agreement()
    agrees = np.array([[_agree(a, b, poses, later) for b in sure] for a in sure])
    agrees |= agrees.T
    best = agrees[np.argmax(agrees.sum(1))]
    others = agrees[np.ix_(~best, ~best)]
    rivals = int(others.sum(1).max(initial=0))
    chosen = [edge for edge, agreeing in zip(sure, best, strict=True) if agreeing]
    return Agreement(tuple(chosen), rivals)


def _agree(
    told: Edge, asked: Edge, poses: Mapping[int, np.ndarray], later: Mapping[int, Keyframe]
) -> bool:
    """Whether one encounter puts the views of another one where that has them."""
    S_earlier_later = poses[told.i] @ told.S_i_j @ inverse_similarity(poses[told.j])
    expected = inverse_similarity(poses[asked.i]) @ S_earlier_later @ poses[asked.j]
    off = inverse_similarity(asked.S_i_j) @ expected
    way = poses[told.j][:3, 3] - poses[asked.j][:3, 3]
    allowed = MAX_SHARE * later[asked.j].median_depth
    allowed += MAX_DRIFT * float(np.linalg.norm(way) / scale_of(poses[asked.j]))
    return bool(
        abs(np.log(scale_of(off))) <= MAX_LOG_SCALE
        and rotation_angle(off[:3, :3] / scale_of(off)) <= MAX_ANGLE
        and np.linalg.norm(off[:3, 3]) <= allowed
    )
