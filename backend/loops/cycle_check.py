"""Edges are held against the ways around them: other edges from one of their ends to the other."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Final

import numpy as np
from scipy.special import gammaincinv

from mapper.backend.graph.edge import Edge, composed
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.core.sim3 import inverse_similarity, log_sim3

MAX_HOPS: Final = 4  # of a way around
AGREES: Final = 0.99  # chi-square quantile up to which a way confirms an edge
# Of an edge's doubt, in standard deviations: a way that is less sure would confirm what is wrong.
SURE: Final = 0.2


class Verdict(Enum):
    """confirmed, contradicted: by the surest way around. open: there is none that could tell."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Review:
    """confirmed: edges that have their full weight now. withdrawn: edges that the graph has no
    more."""

    confirmed: list[Edge]
    withdrawn: list[Edge]


class CycleCheck:
    """Says what the graph's other edges say of one, when it comes and whenever others joined them.

    An edge that is doubted is no witness: whoever goes by way of it goes with its doubt. So edges
    of one place that look alike, and may all be off by the same step, do not confirm each other;
    the chain of odometry with its covariance, or edges of which something is surer, do.
    """

    def __init__(self, graph: PoseGraph) -> None:
        self._graph = graph
        self._pending: list[Edge] = []
        self._costs: dict[int, tuple[Edge, float]] = {}

    def admitted(self, edge: Edge, doubt: np.ndarray) -> Edge | None:
        """An edge as the graph should take it; None where it should not.

        doubt: (7, 7), of an edge that is contradicted though its own evidence holds: it waits, for
        the way around may be what is wrong. One that was doubted anyway is refused.
        """
        verdict = self.verdict(edge)
        if verdict == Verdict.CONTRADICTED:
            if not edge.is_confirmed:
                return None
            return edge.doubted(doubt)
        return edge.confirmed() if verdict == Verdict.CONFIRMED else edge

    def watch(self, edges: Iterable[Edge]) -> None:
        """Edges that the graph has taken: those in doubt are judged again when more is known."""
        self._pending += [edge for edge in edges if not edge.is_confirmed]

    def review(self, keyframe_id: int) -> Review:
        """Judge again what is in doubt near a keyframe that was tied in.

        A trusted edge stays, whatever contradicts it: it holds the graph together.
        """
        near = {keyframe_id, *self._neighbours(keyframe_id)}
        review, decided = Review([], []), set[int]()
        for edge in [e for e in self._pending if e.i in near or e.j in near]:
            if not self._graph.holds(edge):  # one of its keyframes was culled, or a better one came
                decided.add(id(edge))
                continue
            verdict = self.verdict(edge)
            if verdict == Verdict.CONFIRMED:
                review.confirmed.append(edge.confirmed())
                self._graph.exchange(edge, review.confirmed[-1])
                decided.add(id(edge))
            elif verdict == Verdict.CONTRADICTED and not edge.kind.is_trusted:
                review.withdrawn.append(edge)
                self._graph.withdraw(edge)
                decided.add(id(edge))
        self._pending = [edge for edge in self._pending if id(edge) not in decided]
        return review

    def verdict(self, edge: Edge) -> Verdict:
        """What the surest way around says of an edge."""
        way = self._way_around(edge)
        if way is None:
            return Verdict.OPEN
        dof = 7 if self._graph.free_scale else 6
        C_way, C_edge = (
            np.linalg.inv(information[:dof, :dof])
            for information in (way.information, edge.confirmed().information)
        )
        off = log_sim3(inverse_similarity(edge.S_i_j) @ way.S_i_j)[:dof]
        squared = float(off @ np.linalg.solve(C_way + C_edge, off))
        if squared > self._graph.max_sigmas**2:
            return Verdict.CONTRADICTED
        if squared > 2 * gammaincinv(dof / 2, AGREES):
            return Verdict.OPEN
        return Verdict.CONFIRMED if edge.is_confirmed or _is_sure(C_way, edge) else Verdict.OPEN

    def _way_around(self, edge: Edge) -> Edge | None:
        """The way from edge.i to edge.j that is known best, as one edge; None where there is none
        of at most MAX_HOPS."""
        count = itertools.count()  # of equal costs the first
        waiting: list[tuple[float, int, int, tuple[Edge, ...]]] = [(0.0, next(count), edge.i, ())]
        reached: dict[int, int] = {}  # by how many hops a keyframe was reached most surely
        while waiting:
            cost, _, at, steps = heapq.heappop(waiting)
            if at == edge.j:
                return reduce(
                    lambda first, second: composed(
                        first, second, edge.kind, self._graph.free_scale
                    ),
                    steps,
                )
            if len(steps) == MAX_HOPS or reached.get(at, MAX_HOPS) <= len(steps):
                continue
            reached[at] = len(steps)
            for step, to in self._onwards(at, edge):
                more = cost + self._cost(step)
                led = step if step.i == at else step.reversed()
                heapq.heappush(waiting, (more, next(count), to, (*steps, led)))
        return None

    def _onwards(self, at: int, edge: Edge) -> Iterator[tuple[Edge, int]]:
        for step in self._graph.edges_at(at):
            if {step.i, step.j} != {edge.i, edge.j}:
                yield step, step.j if step.i == at else step.i

    def _cost(self, edge: Edge) -> float:
        """Variance of its translation; kept, as an edge takes part in many ways."""
        known = self._costs.get(id(edge))
        if known is None or known[0] is not edge:
            if len(self._costs) > 4 * len(self._graph.edges):  # most are of edges that left
                self._costs.clear()
            variance = np.trace(np.linalg.inv(edge.information[:6, :6])[3:, 3:])
            known = self._costs[id(edge)] = edge, float(variance)
        return known[1]

    def _neighbours(self, keyframe_id: int) -> set[int]:
        return {k for edge in self._graph.edges_at(keyframe_id) for k in (edge.i, edge.j)}


def _is_sure(C_way: np.ndarray, edge: Edge) -> bool:
    """Whether a way is known so well that what an edge is doubted for would show, in every
    direction in which it is doubted. C_way: covariance (k, k) of the same tangent."""
    dof = len(C_way)
    doubted = np.linalg.inv(edge.information[:dof, :dof])
    # Of the generalised eigenvalues the largest: most that C_way is of it.
    root = np.linalg.cholesky(doubted)
    whitened = np.linalg.solve(root, np.linalg.solve(root, C_way).T)
    return bool(np.linalg.eigvalsh(whitened)[-1] <= SURE**2)
