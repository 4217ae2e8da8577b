"""Ties each new keyframe into the pose graph: to the one before, and to those it sees again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.graph.restoration import edges_by_newer, initial_pose, restore
from mapper.backend.keyframes.keyframe import Keyframe, shares_frame
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.cycle_check import CycleCheck
from mapper.backend.loops.edge_measurement import EdgeConfig, doubt_of, measure_odometry
from mapper.backend.loops.loop_closer import LoopCloser, LoopCloserConfig
from mapper.backend.loops.loop_decision import LoopDecision, Refusal, withdrawn
from mapper.backend.loops.odometry_chain import OdometryChain
from mapper.vision.matching import FeatureMatcher


class KeyframeLinker:
    """Adds poses and edges to a graph; holds what it takes to find and to judge them."""

    def __init__(
        self,
        graph: PoseGraph,
        maps: MapCache,
        edges: EdgeConfig,
        loops: LoopCloserConfig,
        matcher: FeatureMatcher,
    ) -> None:
        self._graph = graph
        self._maps = maps
        self._edge_config = edges
        self._matcher = matcher
        self._chain = OdometryChain(
            edges.odometry_sigma_rotation,
            edges.odometry_sigma_translation,
            edges.odometry_sigma_scale,
        )
        self.loop_closer = LoopCloser(loops, edges, matcher, self._chain)
        self._cycles = CycleCheck(graph)

    def place(self, previous: Keyframe | None, keyframe: Keyframe) -> None:
        """Add the keyframe's pose where the frontend believes it to be."""
        self._graph.add_pose(keyframe.id, initial_pose(self._graph, previous, keyframe))

    def link(
        self, previous: Keyframe | None, keyframes: list[Keyframe]
    ) -> tuple[list[Edge], list[LoopDecision]]:
        """The edge to the keyframe before, every verified one to earlier keyframes, and those that
        the new ones have confirmed.

        keyframes: all, the new one last.
        """
        graph, opened = self._graph, keyframes[-1]
        edges = self._chain_on(previous, opened)
        poses = graph.world_of(opened.id)
        loops, decisions = self.loop_closer.close(
            opened, keyframes, poses, self._maps, graph.free_scale
        )
        taken, refused = self._admitted(loops, opened)
        decisions = [
            replace(d, refusal=refused[d.i, d.j]) if (d.i, d.j) in refused and d.accepted else d
            for d in decisions
        ]
        self._cycles.watch([*edges, *taken])
        review = self._cycles.review(opened.id)
        decisions += [withdrawn(edge) for edge in review.withdrawn]
        # Of an edge that was confirmed only its last state is told.
        told = {(e.i, e.j): e for e in [*edges, *taken, *review.confirmed]}
        gone = {(e.i, e.j) for e in review.withdrawn}
        return [edge for pair, edge in told.items() if pair not in gone], decisions

    def _admitted(
        self, loops: list[Edge], opened: Keyframe
    ) -> tuple[list[Edge], dict[tuple[int, int], Refusal]]:
        """The new keyframe's edges as they are in the graph now, and why others are not: the graph
        contradicts them, or they are in doubt and would be all that joins two worlds. Who was lost
        on stairs would be found on any step.

        All are judged before the first is taken: they come of one view, and may err together. Those
        of a network are not: what its depths have in common makes cycles of right edges open.
        """
        taken, refused = list[Edge](), dict[tuple[int, int], Refusal]()
        if self._maps.coarse(opened.id).noise.is_measured:
            doubt = doubt_of(opened.median_depth)
            admitted = [self._cycles.admitted(edge, doubt) for edge in loops]
            refused = {
                (edge.i, edge.j): Refusal.CYCLE
                for edge, verdict in zip(loops, admitted, strict=True)
                if verdict is None
            }
            loops = [edge for edge in admitted if edge is not None]
        for edge in sorted(loops, key=lambda edge: not edge.is_confirmed):
            if edge.is_confirmed or edge.i in self._graph.world_of(edge.j):
                self._graph.add_edge(edge)
                taken.append(edge)
            else:
                refused[edge.i, edge.j] = Refusal.DOUBTED
        return taken, refused

    def forget(self, keyframe: Keyframe) -> None:
        """A keyframe that the graph holds no more."""
        self.loop_closer.finder.forget(keyframe)
        self._chain.forget(keyframe.id)

    def restore(self, keyframes: list[Keyframe], edges: Sequence[Edge]) -> None:
        """Take over the keyframes and edges of an earlier run, in their order.

        What dense alignment had corrected about the chain's steps is not known any more.
        """
        restore(self._graph, keyframes, edges)
        self._cycles.watch(edges)
        arriving = edges_by_newer(keyframes, edges)
        for keyframe in keyframes:
            self.loop_closer.remember(keyframe)
            self._chain.begin(keyframe.id)
            for edge in arriving[keyframe.id]:
                if edge.kind.is_trusted:
                    self._chain.extend(edge.i, edge.j, edge.S_i_j, None)

    def _chain_on(self, previous: Keyframe | None, opened: Keyframe) -> list[Edge]:
        """The edge that ties a keyframe to the one before; none at the start of a new world."""
        if previous is None or (
            previous.segment != opened.segment and not shares_frame(previous, opened)
        ):
            self._chain.begin(opened.id)
            return []
        graph = self._graph
        measured = measure_odometry(
            previous, opened, self._maps, self._edge_config, self._matcher, graph.free_scale
        )
        if measured.T_previous_new is not None:  # the frames before the jump keep their places
            opened.T_previous_keyframe = measured.T_previous_new
        edge = measured.edge
        known_worse = not (measured.aligned and edge.is_confirmed)
        unaligned = np.linalg.inv(edge.information) if known_worse else None
        self._chain.extend(edge.i, edge.j, edge.S_i_j, measured.correction, unaligned)
        graph.add_edge(edge)
        graph.poses[edge.j] = graph.poses[edge.i] @ edge.S_i_j
        return [edge]
