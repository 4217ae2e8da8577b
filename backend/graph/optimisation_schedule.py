"""When the whole pose graph is optimised while it grows, and when only its newest part."""

from __future__ import annotations

from collections.abc import Iterable

from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.graph.pose_graph import PoseGraph


class OptimisationSchedule:
    """The newest keyframes move with every one that arrives; all of them now and then.

    A loop is first absorbed where it is: nearly every right one contradicts poses that have
    drifted by more than its own sigma, and few of them need more than their neighbourhood.
    """

    def __init__(self, every: int, share: float) -> None:
        """every: keyframes between optimisations of the whole graph; share: ... or this share of
        all keyframes, if more."""
        self._every = every
        self._share = share
        self._since = 0  # keyframes that came, some of which may have been culled again

    def run(self, graph: PoseGraph, new_edges: Iterable[Edge]) -> bool:
        """Optimise after a keyframe's edges were added; True where all poses moved."""
        loops = [edge for edge in new_edges if edge.kind == EdgeKind.LOOP]
        self._since += 1
        due = self._since >= max(self._every, int(self._share * len(graph.poses)))
        if not due:
            graph.optimise_window({k for edge in loops for k in (edge.i, edge.j)})
            due = any(not graph.is_inlier(edge) for edge in loops)
        if due:
            graph.optimise()
            self._since = 0
        return due
