"""The pose graph over keyframes, robust against wrong loops."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import numpy as np
from scipy.special import gammaincinv

from mapper.backend.graph.anchors import anchors
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.edge_list import EdgeList
from mapper.backend.graph.graph_problem import Kernel, Problem, SolveOptions
from mapper.backend.graph.graph_relaxation import relaxed_poses, shown_limit
from mapper.backend.graph.graph_solver import (
    EdgeFactors,
    InProcess,
    Solver,
    squared_distance,
    squared_distances,
)
from mapper.backend.graph.parts import Parts
from mapper.backend.graph.pose_table import PoseTable, World
from mapper.core.quantities import Count, Keyframes, Probability, Sigmas
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of, similarity

logger = logging.getLogger(__name__)

HUBER = Kernel("Huber", 1.345)
FINAL_ROUNDS = 2
FAR_OFF = 0.25  # share of the doubtful edges that contradict the poses
NEARLY = 2.0  # squared distances of right edges after the relaxation, against those that agree
WORSE = 100.0  # squared distances of right edges, against what those of most of them would allow


@settings
class PoseGraphConfig:
    """The pose graph.

    scale: free = every keyframe has a scale of its own (Sim(3)), fixed = none has (SE(3)), auto =
        free where the frontend does not know the unit.
    robust_scale: Mahalanobis distance at which an edge that may be wrong loses weight. A right one
        is sqrt(6) off on average (6 dof): at scale 3 the kernel gives up right edges, 6 to 15 % of
        them in a drifted graph, at 5 none.
    inlier_probability: chi-square quantile inside which the final robust pass keeps an edge.
    max_iterations: of each optimisation.
    window: keyframes that a local optimisation moves.
    """

    scale: Literal["auto", "free", "fixed"] = "auto"
    robust_scale: Sigmas = 5.0
    inlier_probability: Probability = 0.9999
    max_iterations: Count = 30
    window: Keyframes = 20


class PoseGraph:
    """Keyframe poses (S_world_keyframe) and the edges between them.

    Edges that may be wrong are graduated in: first a convex kernel (Huber) from wherever the
    poses are, then a redescending one (Geman-McClure) from there, and at the end a plain solve
    over the edges that agree. This is graduated non-convexity (Yang et al., RA-L 2020) in three
    steps instead of forty; GTSAM's own truncated GNC drops every edge of a graph that starts
    far from its optimum. From there three steps are too few as well, and the final optimisation
    begins with a relaxation of the graph (graph_relaxation.py), which needs no start.
    """

    def __init__(self, config: PoseGraphConfig | None = None, solver: Solver | None = None) -> None:
        self.config = config or PoseGraphConfig()
        self._solver = solver or InProcess()
        self.free_scale = self.config.scale == "free"
        self.poses = PoseTable()
        self.edges = EdgeList()
        self._parts = Parts()
        self._factors = EdgeFactors(self.free_scale)

    def take_units(self, is_metric: bool) -> None:
        """Settle "auto": whether the scales are free, before the first pose is added."""
        if self.config.scale == "auto":
            self.free_scale = not is_metric
            self._factors = EdgeFactors(self.free_scale)

    def add_pose(self, keyframe_id: int, S_world_keyframe: np.ndarray) -> None:
        """Take up a keyframe, or set its pose S_world_keyframe (4, 4) anew."""
        self.poses[keyframe_id] = S_world_keyframe
        if keyframe_id not in self._parts.root_of:
            self._parts.add(keyframe_id)

    def add_edge(self, edge: Edge) -> None:
        """The edge that first joins two components carries the later one to where it fits.

        The pose between components is no more than a guess, and the kernel would take a right
        edge for a wrong one. The component of the earlier keyframe stays: it holds the world.
        """
        if edge.i not in self.poses or edge.j not in self.poses:
            raise KeyError(f"edge {edge.i}-{edge.j} names a keyframe that is not in the graph")
        if not edge.is_finite:
            logger.warning("edge %d-%d is not finite and was left out", edge.i, edge.j)
            return
        self.edges.append(edge)
        root_of = self._parts.root_of
        if root_of[edge.i] < root_of[edge.j]:
            self._join(edge.i, edge.j, edge.S_i_j)
        elif root_of[edge.i] > root_of[edge.j]:
            self._join(edge.j, edge.i, inverse_similarity(edge.S_i_j))

    def edges_at(self, keyframe_id: int) -> list[Edge]:
        """Edges of one keyframe."""
        return self.edges.at(keyframe_id)

    def remove(self, keyframe_id: int) -> None:
        """Take a keyframe and its edges out; the others must stay connected without it."""
        self._parts.remove(keyframe_id)
        self._drop(self.edges.at(keyframe_id))
        del self.poses[keyframe_id]

    def edges_among(self, keyframe_ids: Iterable[int]) -> list[Edge]:
        """Edges both of whose keyframes are among the given ones."""
        ids = set(keyframe_ids)
        return [e for e in self.edges.of(ids) if e.i in ids and e.j in ids]

    def replace_edges(self, edges: Iterable[Edge]) -> None:
        """Take better edges, where they are finite; those between the same two keyframes go.

        An edge between keyframes that nothing joined before is added like any other.
        """
        for edge in (e for e in edges if e.is_finite):
            self._drop([e for e in self.edges.at(edge.i) if {e.i, e.j} == {edge.i, edge.j}])
            self.add_edge(edge)

    def holds(self, edge: Edge) -> bool:
        """Whether this very edge is in the graph."""
        return edge in self.edges

    def exchange(self, old: Edge, new: Edge) -> None:
        """Take an edge in the place of one between the same keyframes."""
        self.edges.exchange(old, new)
        self._factors.forget([old])

    def withdraw(self, edge: Edge) -> None:
        """Take an edge back; others must lead from one of its ends to the other."""
        self._drop([edge])

    def _drop(self, edges: list[Edge]) -> None:
        for edge in edges:
            self.edges.discard(edge)
        self._factors.forget(edges)

    def _join(self, stays: int, moves: int, S_stays_moves: np.ndarray) -> None:
        """Make the components of two keyframes one; its cost is the size of the one that moves."""
        S_new_old = self.poses[stays] @ S_stays_moves @ inverse_similarity(self.poses[moves])
        for keyframe_id in self._parts.join(stays, moves):
            S = S_new_old @ self.poses[keyframe_id]
            # The inverse above multiplies what a rotation lacks of being one; do not let it grow.
            self.poses[keyframe_id] = similarity(float(scale_of(S)), rigid_part(S))

    @property
    def is_connected(self) -> bool:
        """Whether there is but one component; known at once."""
        return self._parts.count == 1

    def component_of(self) -> dict[int, int]:
        """For each keyframe, the smallest keyframe id that it is connected to."""
        return dict(self._parts.root_of)

    def world_of(self, keyframe_id: int) -> World:
        """The poses, now and later, of the keyframes that share a keyframe's world."""
        return World(self.poses, self._parts.root_of, self._parts.root_of[keyframe_id])

    def optimise(self, final: bool = False) -> float:
        """Move all poses to the optimum; returns half the weighted squared error there.

        final: afterwards decide about each doubtful edge, use it or drop it, and solve once more
        without a kernel; used at the end. Poses that many of them contradict are no start: then
        the edges alone say where to.
        """
        if len(self.poses) < 2 or not self.edges:
            return 0.0
        anew = self._solve_anew() if final else None
        if anew is not None:
            return anew
        error = self._solve(self.edges, HUBER)
        if any(not edge.kind.is_trusted for edge in self.edges):
            error = self._solve(self.edges, self._redescending)
        if final:
            error = self._solve_agreeing(self._max_squared_distance())
        return error

    def _solve_anew(self) -> float | None:
        """From where the edges alone put the keyframes, if many contradict where they are.

        None, and nothing has moved, if few did or if half as many still do.
        """
        doubtful = sum(not edge.kind.is_trusted for edge in self.edges)
        limit = self._max_squared_distance()
        contradicted = np.sum(~self._agreeing(limit))
        if contradicted <= FAR_OFF * doubtful:
            return None
        before, held = dict(self.poses), anchors(self.poses, self.edges)
        try:
            self.poses.update(relaxed_poses(before, self.edges, held, self._factors, limit))
        except np.linalg.LinAlgError as error:
            logger.warning("the pose graph's edges alone do not place the keyframes: %s", error)
            return None
        # The others are wrong beyond doubt, and without them this is many times as fast.
        self._solve(self._chosen(self._agreeing(NEARLY * self._shown_limit())), self._redescending)
        error_anew = self._solve_agreeing(self._shown_limit())
        if np.sum(~self._agreeing(limit)) > contradicted / 2:
            self.poses.update(before)
            return None
        return error_anew

    def _solve_agreeing(self, limit: float) -> float:
        """Solve over the edges that agree, decide again there, and once more if that differs."""
        error, agreed = 0.0, np.zeros(len(self.edges), bool)
        for _ in range(FINAL_ROUNDS):
            previous, agreed = agreed, self._agreeing(limit)
            if not np.array_equal(agreed, previous):
                error = self._solve(self._chosen(agreed), None)
        return error

    def _chosen(self, chosen: np.ndarray) -> list[Edge]:
        return [edge for edge, is_chosen in zip(self.edges, chosen, strict=True) if is_chosen]

    def _agreeing(self, max_squared_distance: float) -> np.ndarray:
        """bool (N,): of every edge, whether it is trusted or no further off the poses."""
        trusted, distances = self._distances()
        return trusted | (distances <= max_squared_distance)

    def _distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every edge bool (N,), whether it is trusted, and its squared distance (N,)."""
        trusted = np.array([edge.kind.is_trusted for edge in self.edges])
        return trusted, squared_distances(self.poses, self.edges, self._factors)

    def _shown_limit(self) -> float:
        """Squared distance up to which edges agree, by what most show and with room for others."""
        (trusted, distances), claimed = self._distances(), self._max_squared_distance()
        shown = shown_limit(distances[~trusted], claimed, self._factors.group.dof)
        return min(claimed, WORSE * shown)

    def optimise_window(self, keyframe_ids: Iterable[int]) -> float:
        """Move only these keyframes and the last `window` ones; its cost does not grow.

        Their neighbours outside the window hold it in place.
        """
        wanted = {*self.poses.newest(self.config.window), *keyframe_ids}
        moving = [k for k in sorted(wanted) if self._parts.root_of[k] != k]  # a root is its world
        edges = self.edges.of(moving)
        involved = {k for e in edges for k in (e.i, e.j)}
        held = involved - set(moving)
        if not edges:
            return 0.0
        poses = {k: self.poses[k] for k in involved}
        held |= set(anchors(poses, edges, held))
        return self._move(poses, edges, self._options(self._redescending, held))

    def is_inlier(self, edge: Edge) -> bool:
        """Whether the edge agrees with the poses within the chi-square quantile asked for."""
        return edge.kind.is_trusted or (self.squared_distance(edge) <= self._max_squared_distance())

    def _max_squared_distance(self) -> float:
        dof = 7 if self.free_scale else 6
        return float(2 * gammaincinv(dof / 2, self.config.inlier_probability))

    @property
    def max_sigmas(self) -> float:
        """Mahalanobis distance up to which an edge agrees with the poses."""
        return float(np.sqrt(self._max_squared_distance()))

    def squared_distance(self, edge: Edge) -> float:
        """Squared Mahalanobis distance of an edge from the present poses."""
        return squared_distance(edge, self.poses[edge.i], self.poses[edge.j], self.free_scale)

    def _solve(self, edges: Collection[Edge], kernel: Kernel | None) -> float:
        """All poses over the given edges; the kernel holds for the doubtful ones."""
        held = anchors(self.poses, edges)
        return self._move(self.poses, edges, self._options(kernel, held))

    def _move(
        self, poses: Mapping[int, np.ndarray], edges: Collection[Edge], options: SolveOptions
    ) -> float:
        """Take the poses over that a solve ends with; returns its error."""
        solution = self._solver.solve(Problem(poses, edges, options), self._factors)
        if solution.fault:
            logger.warning(
                "the pose graph's optimisation failed and was rolled back: %s", solution.fault
            )
        self.poses.update(solution.poses)
        return solution.error

    @property
    def _redescending(self) -> Kernel:
        return Kernel("GemanMcClure", self.config.robust_scale)

    def _options(self, kernel: Kernel | None, held: Iterable[int]) -> SolveOptions:
        return SolveOptions(self.free_scale, kernel, tuple(held), self.config.max_iterations)
