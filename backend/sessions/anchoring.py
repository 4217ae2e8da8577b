"""Where the worlds of sessions lie in one: one node a session, an anchor, with a scale of its own.

Source of the idea: Kim et al., "Multiple relative pose graphs for robust cooperative mapping", ICRA
2010. There anchors are solved with all poses; here they are solved first, each session as rigid as
it came, and the keyframes move from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind, composed
from mapper.backend.graph.pose_graph import PoseGraph, PoseGraphConfig
from mapper.backend.sessions.session import Session
from mapper.core.sim3 import inverse_similarity

# What a session may have drifted by between its anchor and an encounter, as sigmas: rotation,
# translation against the way, log scale.
DRIFT_ROTATION: Final = 0.03
DRIFT_SHARE: Final = 0.02
DRIFT_NEAR: Final = 0.03  # units, however short the way
DRIFT_LOG_SCALE: Final = 0.03


def anchored(
    sessions: Sequence[Session],
    encounters: Mapping[tuple[int, int], Sequence[Edge]],
    free: frozenset[tuple[int, int]],
) -> dict[int, np.ndarray]:
    """S_world_session (4, 4) by number, of the sessions that are tied to the first one's world.

    encounters: by the numbers of two sessions, earlier and later. free: pairs whose units may
    differ; of the others the scale is one.
    """
    graph = PoseGraph(PoseGraphConfig(scale="free"))
    for number in range(len(sessions)):
        graph.add_pose(number, np.eye(4))
    for (a, b), edges in encounters.items():
        for edge in edges:
            joined = _between_anchors(sessions, (a, b), edge)
            graph.add_edge(joined if (a, b) in free else joined.with_held_scale())
    graph.optimise(final=True)
    component = graph.component_of()
    return {n: S for n, S in graph.poses.items() if component[n] == component[0]}


def _between_anchors(sessions: Sequence[Session], pair: tuple[int, int], edge: Edge) -> Edge:
    """From anchor to anchor by way of an encounter. Keyframes are numbered behind the anchors."""
    a, b = pair
    i, j = len(sessions), len(sessions) + 1
    to_i = _held(a, i, sessions[a].poses[edge.i])
    from_j = _held(b, j, sessions[b].poses[edge.j]).reversed()
    met = replace(edge.confirmed(), i=i, j=j)
    there = composed(to_i, met, EdgeKind.LOOP, free_scale=True)
    return composed(there, from_j, EdgeKind.LOOP, free_scale=True)


def _held(anchor: int, keyframe: int, S_session_keyframe: np.ndarray) -> Edge:
    """From the anchor to a keyframe, as sure as the session's drift lets it be."""
    S_keyframe_session = inverse_similarity(S_session_keyframe)
    way = float(np.linalg.norm(S_keyframe_session[:3, 3]))
    sigmas = [DRIFT_ROTATION] * 3 + [DRIFT_NEAR + DRIFT_SHARE * way] * 3 + [DRIFT_LOG_SCALE]
    information = np.diag(1 / np.array(sigmas) ** 2)
    return Edge(anchor, keyframe, S_session_keyframe, information, EdgeKind.LOOP)
