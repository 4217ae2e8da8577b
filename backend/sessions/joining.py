"""Makes one graph of sessions that met: more edges where they see the same, then one optimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from mapper.backend.config import BackendConfig
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframe_culling import CulledKeyframe, KeyframeCuller
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.cycle_check import CycleCheck
from mapper.backend.loops.loop_decision import LoopDecision, latest, withdrawn
from mapper.backend.sessions.encounters import EncounterSearch
from mapper.backend.sessions.meeting import Meeting, agreed_edges
from mapper.backend.sessions.session import Session

ROUNDS: Final = 2  # of looking for pairs that see the same where the graph has them by then


@dataclass(eq=False)
class JoinedSessions:
    """The graph over the keyframes of all sessions, and what became of them.

    keyframes: those that are left. edges: between sessions, as they were measured. decisions:
    about all pairs that were tried. culled: keyframes whose frames are placed in another session's.
    """

    keyframes: list[Keyframe]
    graph: PoseGraph
    edges: list[Edge] = field(default_factory=list)
    decisions: list[LoopDecision] = field(default_factory=list)
    culled: list[CulledKeyframe] = field(default_factory=list)


def joined(
    sessions: Sequence[Session],
    met: Sequence[Meeting],
    S_world_session: Mapping[int, np.ndarray],
    search: EncounterSearch,
    config: BackendConfig,
) -> JoinedSessions:
    """Sessions that were anchored, at the optimum over all that was measured.

    S_world_session: (4, 4) by number, where the graph begins.
    """
    free = {(m.earlier, m.later) for m in met if m.is_free and m.agreement.is_enough}
    is_free = bool(free) or not all(session.is_metric for session in sessions)
    graph = _graph_of(sessions, S_world_session, config, is_free)
    joint = JoinedSessions([k for session in sessions for k in session.keyframes], graph)
    joint.decisions = [d for meeting in met for d in meeting.encounters.decisions]
    cycles = CycleCheck(graph)
    _take(joint, cycles, [edge for edges in agreed_edges(met).values() for edge in edges])
    graph.optimise(final=True)
    tried = {(edge.i, edge.j) for edge in joint.edges}
    for _ in range(ROUNDS):
        for number in range(1, len(sessions)):
            _join_by_place(joint, cycles, sessions, number, free, search, tried)
        graph.optimise(final=True)
    joint.decisions = latest(joint.decisions)
    return joint


def cull(
    joint: JoinedSessions, sessions: Sequence[Session], maps: MapCache, config: BackendConfig
) -> None:
    """Place the frames of keyframes that show nothing new in those of earlier sessions.

    To be called at the optimum; settings as while mapping, 0 of them turns it off.
    """
    if not config.reuse.after:
        return
    culler = KeyframeCuller(config.reuse, joint.graph, maps)
    anchors: dict[int, Keyframe] = {}
    for session in sessions:
        if anchors:
            for keyframe in session.readable:
                culled = culler.cull_one(keyframe, anchors)
                if culled is not None:
                    joint.culled.append(culled)
        gone = {culled.keyframe.id for culled in joint.culled}
        anchors |= {k.id: k for k in session.readable if k.id not in gone}
    joint.keyframes = [k for k in joint.keyframes if k.id in joint.graph.poses]


def _graph_of(
    sessions: Sequence[Session],
    S_world_session: Mapping[int, np.ndarray],
    config: BackendConfig,
    is_free: bool,
) -> PoseGraph:
    graph = PoseGraph(replace(config.graph, scale="free" if is_free else "fixed"))
    placed = {
        k.id: S_world_session[number] @ session.poses[k.id]
        for number, session in enumerate(sessions)
        for k in session.keyframes
    }
    for keyframe_id, S in placed.items():
        graph.add_pose(keyframe_id, S)
    for session in sessions:
        for edge in session.edges:
            graph.add_edge(edge.with_held_scale() if is_free and session.is_metric else edge)
    graph.poses.update(placed)  # edges carry what they join, and chains of them drift
    return graph


def _take(joint: JoinedSessions, cycles: CycleCheck, edges: Sequence[Edge]) -> None:
    """Edges between sessions into the graph; those in doubt are judged by the ways around them."""
    before = dict(joint.graph.poses)
    for edge in edges:
        joint.graph.add_edge(edge)
    joint.graph.poses.update(before)
    cycles.watch(edges)
    told = {(e.i, e.j): e for e in (*joint.edges, *edges)}
    for keyframe_id in dict.fromkeys(edge.j for edge in edges):
        review = cycles.review(keyframe_id)
        told |= {(e.i, e.j): e for e in review.confirmed}
        for edge in review.withdrawn:
            told.pop((edge.i, edge.j), None)
            joint.decisions.append(withdrawn(edge))
    joint.edges = list(told.values())


def _join_by_place(
    joint: JoinedSessions,
    cycles: CycleCheck,
    sessions: Sequence[Session],
    number: int,
    free: set[tuple[int, int]],
    search: EncounterSearch,
    tried: set[tuple[int, int]],
) -> None:
    """Pairs of a session and the earlier ones that see the same."""
    later = sessions[number]
    earlier = {k.id: k for session in sessions[:number] for k in session.readable}
    free_with = frozenset(
        k.id
        for other, session in enumerate(sessions[:number])
        for k in session.keyframes
        if (other, number) in free or not (session.is_metric and later.is_metric)
    )
    found = search.by_place(later, earlier, joint.graph.poses, free_with, tried)
    joint.decisions += found.decisions
    _take(joint, cycles, found.edges)
