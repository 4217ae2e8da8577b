"""A map that is to be joined with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe import Keyframe


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """keyframes: in order, with ids that no other session has and that are larger than those of
    the sessions before it. poses: S_session_keyframe (4, 4) by id, in the session's own world.
    edges: between them. is_metric: its unit is the metre. left_out: ids of keyframes whose maps
    cannot be read.
    """

    name: str
    keyframes: Sequence[Keyframe]
    poses: Mapping[int, np.ndarray]
    edges: Sequence[Edge]
    is_metric: bool
    left_out: frozenset[int] = frozenset()

    @property
    def readable(self) -> list[Keyframe]:
        """Keyframes that can be compared with others."""
        return [keyframe for keyframe in self.keyframes if keyframe.id not in self.left_out]
