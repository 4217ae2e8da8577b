"""What the backend tells of one prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.keyframe_culling import CulledKeyframe
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.loops.loop_decision import LoopDecision


@dataclass(frozen=True, slots=True)
class GraphUpdate:
    """What one prediction changed.

    T_world_camera: (4, 4), where its frame is now; None where it was refused. opened, closed,
    culled: keyframes, or None. opened_map: of the one that opened. edges: of the same.
    decisions: on every pair that was tried.
    With a keyframe that opened, the graph as it is until the next prediction: poses:
    S_world_keyframe of every keyframe; moved: those that were set since the last such update;
    graph_edges: all.
    At the end, corrected: keyframes that changed after they had closed.
    """

    T_world_camera: np.ndarray | None = None
    opened: Keyframe | None = None
    closed: Keyframe | None = None
    culled: CulledKeyframe | None = None
    opened_map: KeyframeMap | None = None
    edges: tuple[Edge, ...] = ()
    decisions: tuple[LoopDecision, ...] = ()
    poses: Mapping[int, np.ndarray] = field(default_factory=dict)
    moved: Sequence[int] = ()
    graph_edges: Sequence[Edge] = ()
    corrected: tuple[Keyframe, ...] = ()
