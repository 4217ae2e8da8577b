"""Which edges of the optimised pose graph contradict where it has put the keyframes?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np

from mapper.backend.graph.edge import Edge, composed
from mapper.backend.graph.graph_solver import squared_distance
from mapper.backend.graph.pose_graph import PoseGraph
from mapper.backend.self_doubt.misplacement import Misplacement, misplacement
from mapper.core.sim3 import inverse_similarity

MAX_HOPS: Final = 4  # of the way around that closes a cycle
MAX_CYCLES: Final = 2000


@dataclass(frozen=True, slots=True)
class EdgeConflict:
    """An edge against poses, or a cycle of edges against itself. sigmas: Mahalanobis distance. fit:
    what is left over."""

    i: int
    j: int
    sigmas: float
    fit: Misplacement


@dataclass(frozen=True, slots=True)
class EdgeConflicts:
    """edges, cycles: how many were judged. contradicted, open_cycles: those that are off by more
    than their information allows, and by what shows. worst, worst_cycle: of those, by length; None
    where there are none. doubted: edges that nothing has confirmed."""

    edges: int
    contradicted: tuple[EdgeConflict, ...]
    cycles: int
    open_cycles: tuple[EdgeConflict, ...]
    doubted: int = 0


def edge_conflicts(graph: PoseGraph, poses: Mapping[int, np.ndarray]) -> EdgeConflicts:
    """Of the edges between the keyframes of `poses`, S_world_keyframe; trusted ones too."""
    edges = [edge for edge in graph.edges if edge.i in poses and edge.j in poses]
    limit = graph.max_sigmas
    residuals = [edge_residual(edge, poses, graph.free_scale) for edge in edges]
    cycles = short_cycles(edges)
    closures = [closure(cycle, graph.free_scale) for cycle in cycles]
    return EdgeConflicts(
        len(edges),
        _beyond(residuals, limit),
        len(cycles),
        _beyond(closures, limit),
        sum(not edge.is_confirmed for edge in edges),
    )


def _beyond(conflicts: Sequence[EdgeConflict], limit: float) -> tuple[EdgeConflict, ...]:
    """The largest first. An edge also has to be off by what shows: an information that is too sure
    of itself makes many sigmas of a few millimetres."""
    found = [each for each in conflicts if each.sigmas > limit and each.fit.shows]
    return tuple(sorted(found, key=lambda each: -each.sigmas))


def edge_residual(edge: Edge, poses: Mapping[int, np.ndarray], free_scale: bool) -> EdgeConflict:
    """How far an edge is from where both its keyframes are."""
    S_i_j = inverse_similarity(poses[edge.i]) @ poses[edge.j]
    squared = squared_distance(edge, poses[edge.i], poses[edge.j], free_scale)
    return _conflict(edge, S_i_j, squared)


def closure(cycle: Sequence[Edge], free_scale: bool) -> EdgeConflict:
    """How far an edge is from the way around by the others of its cycle, whose errors add up.

    cycle: an edge i-j, then edges from i to j one after the other.
    """
    edge, *around = cycle
    way = reduce(lambda first, second: composed(first, second, edge.kind, free_scale), around)
    joint = Edge(edge.i, edge.j, edge.S_i_j, _sum_information(edge, way), edge.kind)
    squared = squared_distance(joint, np.eye(4), way.S_i_j, free_scale)
    return _conflict(edge, way.S_i_j, squared)


def _sum_information(first: Edge, second: Edge) -> np.ndarray:
    """(7, 7): of the difference of two measurements of one motion, whose covariances add up."""
    covariance = np.linalg.inv(first.information) + np.linalg.inv(second.information)
    return np.linalg.inv(covariance)


def _conflict(edge: Edge, S_i_j: np.ndarray, squared: float) -> EdgeConflict:
    sigmas = float(np.sqrt(max(squared, 0.0)))
    return EdgeConflict(edge.i, edge.j, sigmas, misplacement(edge.S_i_j, S_i_j))


def short_cycles(edges: Sequence[Edge]) -> list[list[Edge]]:
    """For each edge that others lead around, itself and the shortest such way, from i to j.

    At most MAX_CYCLES, spread over all edges.
    """
    leaving: dict[int, list[Edge]] = {}
    for edge in edges:
        leaving.setdefault(edge.i, []).append(edge)
        leaving.setdefault(edge.j, []).append(edge)
    every = -(-len(edges) // MAX_CYCLES) or 1
    found = ((edge, _way_around(edge, leaving)) for edge in edges[::every])
    return [[edge, *around] for edge, around in found if around]


def _way_around(edge: Edge, leaving: Mapping[int, Sequence[Edge]]) -> list[Edge]:
    """Edges from edge.i to edge.j, each turned to lead onwards; empty where there is none."""
    reached: dict[int, list[Edge]] = {edge.i: []}
    queue = deque([edge.i])
    while queue:
        at = queue.popleft()
        if len(reached[at]) == MAX_HOPS:
            return []
        for step in leaving[at]:
            to = step.j if step.i == at else step.i
            if step is edge or to in reached:
                continue
            reached[to] = [*reached[at], step]
            if to == edge.j:
                return _led(edge.i, reached[to])
            queue.append(to)
    return []


def _led(start: int, steps: Sequence[Edge]) -> list[Edge]:
    led, at = [], start
    for step in steps:
        led.append(step if step.i == at else step.reversed())
        at = led[-1].j
    return led
