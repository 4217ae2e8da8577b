"""Culls keyframes that show nothing new, so that a map grows with the place and not with time.

Source of the idea: Johannsson et al., "Temporally scalable visual SLAM using a reduced pose graph",
ICRA 2013. There the next keyframe is an old one; here a keyframe is judged when its own loops have
been verified and the next one has been tied to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mapper.backend.graph.edge import Edge, EdgeKind, composed
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.keyframes.by_id import ById
from mapper.backend.keyframes.keyframe import Keyframe, Visit
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.loop_candidates import in_reach, reach_of
from mapper.backend.loops.view_consistency import covered_share, view_overlap
from mapper.core.quantities import KeyframesOrZero, PositiveShare
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity


@settings
class CullingConfig:
    """When keyframes of places seen before are culled.

    after: keyframes of a map below which each one stays, as every view makes it better; 0 = off.
    min_covered: share of a keyframe's points that others must hold before it is culled.
    min_shared: share that the one which its frames are then placed in must hold alone.
    """

    after: KeyframesOrZero = 200
    min_covered: PositiveShare = 0.9
    min_shared: PositiveShare = 0.6

    def __post_init__(self) -> None:
        if self.min_shared > self.min_covered:
            raise ValueError(
                f"min_shared ({self.min_shared}) must be at most min_covered ({self.min_covered})"
            )


@dataclass(frozen=True, slots=True)
class CulledKeyframe:
    """keyframe: taken out of the graph. anchor_id: of the keyframe that `visit` was added to.

    edges: that now join its neighbours in its stead.
    """

    keyframe: Keyframe
    anchor_id: int
    visit: Visit
    edges: tuple[Edge, ...]


class KeyframeCuller:
    """Judges the last keyframe but one, each time that one is closed."""

    def __init__(self, config: CullingConfig, graph: PoseGraph, maps: MapCache) -> None:
        self.config = config
        self._graph = graph
        self._maps = maps

    def pending(self, keyframes: int) -> int:
        """How many of the newest keyframes, the open one among them, may still be culled."""
        return 2 if self._is_due(keyframes) else 1

    def _is_due(self, keyframes: int) -> bool:
        return 0 < self.config.after < keyframes

    def cull(self, keyframes: list[Keyframe]) -> CulledKeyframe | None:
        """Take it out of the graph and place its frames in an earlier one that it saw again, if
        that one and others hold what it shows. The list and the maps are left to the caller."""
        if not self._is_due(len(keyframes)):
            return None
        return self.cull_one(keyframes[-2], ById(keyframes))

    def cull_one(
        self, keyframe: Keyframe, anchors: Mapping[int, Keyframe]
    ) -> CulledKeyframe | None:
        """As cull, of any keyframe. anchors: those that its frames may be placed in, by id."""
        anchor_id = self._anchor(keyframe, anchors)
        if anchor_id is None or not self._is_covered(keyframe.id):
            return None
        S_anchor_keyframe = self._relative(anchor_id, keyframe.id)
        T_previous = keyframe.T_previous_keyframe
        visit = Visit.of(keyframe.id, S_anchor_keyframe, T_previous, keyframe.frames)
        edges = tuple(bypass_edges(self._graph, anchor_id, keyframe.id))
        for edge in edges:
            self._graph.add_edge(edge)
        self._graph.remove(keyframe.id)
        anchors[anchor_id].visits.append(visit)
        return CulledKeyframe(keyframe, anchor_id, visit, edges)

    def _anchor(self, keyframe: Keyframe, anchors: Mapping[int, Keyframe]) -> int | None:
        """The earlier keyframe that shares most with this one, by an edge that was verified.

        None where an edge contradicts the graph: composed with others it would pass for right.
        """
        edges = self._graph.edges_at(keyframe.id)
        if keyframe.visits or not all(self._graph.is_inlier(edge) for edge in edges):
            return None
        level, shared = self._maps.coarse(keyframe.id), {}
        for edge in edges:
            is_measured = edge.kind in (EdgeKind.LOOP, EdgeKind.COVISIBILITY)
            if is_measured and edge.j == keyframe.id and edge.i in anchors:
                S = self._relative(edge.i, keyframe.id)
                shared[edge.i] = view_overlap(level, self._maps.coarse(edge.i), S, 1).overlap
        best = max(shared, key=shared.__getitem__, default=None)
        return best if best is not None and shared[best] >= self.config.min_shared else None

    def _is_covered(self, keyframe_id: int) -> bool:
        """By the earlier keyframes of its world. The one after it may be culled itself."""
        world = self._graph.world_of(keyframe_id)
        reach = reach_of(keyframe_id, world, self._maps)
        earlier = {*in_reach(keyframe_id, world, reach)}
        earlier |= {keyframe_id - 1} & world.keys()
        others = ((self._maps.coarse(i), self._relative(i, keyframe_id)) for i in sorted(earlier))
        covered = covered_share(self._maps.coarse(keyframe_id), others)
        return covered >= self.config.min_covered

    def _relative(self, i: int, j: int) -> np.ndarray:
        return inverse_similarity(self._graph.poses[i]) @ self._graph.poses[j]


def bypass_edges(graph: PoseGraph, anchor_id: int, keyframe_id: int) -> Iterator[Edge]:
    """The frontend's own chain past the keyframe, and edges by way of it from the anchor to
    those neighbours that it has none to.

    What was trusted stays so: a wrong loop must not outvote the chain.
    """
    edges = graph.edges_at(keyframe_id)
    chain = [e for e in edges if e.kind.is_trusted]
    arriving = [e for e in chain if e.j == keyframe_id]
    leaving = [e for e in chain if e.i == keyframe_id]
    passed = set()
    for first, second in zip(arriving, leaving, strict=False):  # one each, or none
        passed.add((first.i, second.j))
        yield composed(first, second, EdgeKind.ODOMETRY, graph.free_scale)
    to_anchor = next(e for e in edges if anchor_id in (e.i, e.j))
    known = {anchor_id} | {k for e in graph.edges_at(anchor_id) for k in (e.i, e.j)}
    for edge in edges:
        other = edge.i if edge.j == keyframe_id else edge.j
        if other in known or (anchor_id, other) in passed:
            continue
        known.add(other)
        onwards = edge if edge.i == keyframe_id else edge.reversed()
        joined = composed(to_anchor, onwards, EdgeKind.COVISIBILITY, graph.free_scale)
        yield joined if joined.i < joined.j else joined.reversed()
