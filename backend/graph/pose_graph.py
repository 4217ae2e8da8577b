"""The pose graph over keyframes, robust against wrong loops."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Literal

import numpy as np
from scipy.special import gammaincinv

from mapper.backend.graph.anchors import anchors
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_problem import Kernel, Problem, SolveOptions
from mapper.backend.graph.graph_relaxation import relaxed_poses
from mapper.backend.graph.graph_solver import (
    EdgeFactors,
    InProcess,
    Solver,
    squared_distance,
    squared_distances,
)
from mapper.core.quantities import Count, Keyframes, Probability, Sigmas
from mapper.core.settings_model import settings
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of, similarity

logger = logging.getLogger(__name__)

HUBER = Kernel("Huber", 1.345)
FINAL_ROUNDS = 2
FAR_OFF = 0.25  # share of the doubtful edges that contradict the poses
NEARLY = 2.0  # squared distances of right edges after the relaxation, against those that agree


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
        self.poses: dict[int, np.ndarray] = {}
        self.edges: list[Edge] = []
        self._edges_of: dict[int, list[Edge]] = {}
        self._root_of: dict[int, int] = {}  # the smallest keyframe id of its component
        self._members: dict[int, list[int]] = {}  # of each component, by its root
        self._factors = EdgeFactors(self.free_scale)

    def take_units(self, is_metric: bool) -> None:
        """Settle "auto": whether the scales are free, before the first pose is added."""
        if self.config.scale == "auto":
            self.free_scale = not is_metric
            self._factors = EdgeFactors(self.free_scale)

    def add_pose(self, keyframe_id: int, S_world_keyframe: np.ndarray) -> None:
        """Take up a keyframe, or set its pose S_world_keyframe (4, 4) anew."""
        self.poses[keyframe_id] = S_world_keyframe
        if keyframe_id not in self._root_of:
            self._edges_of[keyframe_id] = []
            self._root_of[keyframe_id] = keyframe_id
            self._members[keyframe_id] = [keyframe_id]

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
        self._edges_of[edge.i].append(edge)
        self._edges_of[edge.j].append(edge)
        if self._root_of[edge.i] < self._root_of[edge.j]:
            self._join(edge.i, edge.j, edge.S_i_j)
        elif self._root_of[edge.i] > self._root_of[edge.j]:
            self._join(edge.j, edge.i, inverse_similarity(edge.S_i_j))

    def edges_at(self, keyframe_id: int) -> list[Edge]:
        """Edges of one keyframe."""
        return list(self._edges_of[keyframe_id])

    def remove(self, keyframe_id: int) -> None:
        """Take a keyframe and its edges out; the others must stay connected without it."""
        root = self._root_of.pop(keyframe_id)
        if root == keyframe_id:
            raise ValueError(f"keyframe {keyframe_id} holds the world of {self._members[root]}")
        self._members[root].remove(keyframe_id)
        self._drop(self._edges_of.pop(keyframe_id))
        del self.poses[keyframe_id]

    def edges_among(self, keyframe_ids: Iterable[int]) -> list[Edge]:
        """Edges both of whose keyframes are among the given ones."""
        ids = set(keyframe_ids)
        edges = {id(e): e for k in ids for e in self._edges_of[k]}.values()
        return [e for e in edges if e.i in ids and e.j in ids]

    def replace_edges(self, edges: Iterable[Edge]) -> None:
        """Take better edges, where they are finite; those between the same two keyframes go.

        An edge between keyframes that nothing joined before is added like any other.
        """
        for edge in (e for e in edges if e.is_finite):
            self._drop([e for e in self._edges_of[edge.i] if {e.i, e.j} == {edge.i, edge.j}])
            self.add_edge(edge)

    def holds(self, edge: Edge) -> bool:
        """Whether this very edge is in the graph."""
        return any(each is edge for each in self._edges_of.get(edge.i, ()))

    def exchange(self, old: Edge, new: Edge) -> None:
        """Take an edge in the place of one between the same keyframes."""
        for edges in (self.edges, self._edges_of[old.i], self._edges_of[old.j]):
            edges[:] = [new if each is old else each for each in edges]
        self._factors.forget([old])

    def withdraw(self, edge: Edge) -> None:
        """Take an edge back; others must lead from one of its ends to the other."""
        self._drop([edge])

    def _drop(self, edges: list[Edge]) -> None:
        gone = {id(e) for e in edges}
        ends = {k for e in edges for k in (e.i, e.j) if k in self._edges_of}
        for kept in (*(self._edges_of[k] for k in ends), self.edges):
            kept[:] = [e for e in kept if id(e) not in gone]
        self._factors.forget(edges)

    def _join(self, stays: int, moves: int, S_stays_moves: np.ndarray) -> None:
        """Make the components of two keyframes one; its cost is the size of the one that moves."""
        S_new_old = self.poses[stays] @ S_stays_moves @ inverse_similarity(self.poses[moves])
        root, moving = self._root_of[stays], self._members.pop(self._root_of[moves])
        for keyframe_id in moving:
            S = S_new_old @ self.poses[keyframe_id]
            # The inverse above multiplies what a rotation lacks of being one; do not let it grow.
            self.poses[keyframe_id] = similarity(float(scale_of(S)), rigid_part(S))
            self._root_of[keyframe_id] = root
        self._members[root] += moving

    @property
    def is_connected(self) -> bool:
        """Whether there is but one component; known at once."""
        return len(self._members) == 1

    def component_of(self) -> dict[int, int]:
        """For each keyframe, the smallest keyframe id that it is connected to."""
        return dict(self._root_of)

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
            error = self._solve_agreeing()
        return error

    def _solve_anew(self) -> float | None:
        """From where the edges alone put the keyframes, if many contradict where they are.

        None, and nothing has moved, if few did or if half as many still do.
        """
        doubtful = sum(not edge.kind.is_trusted for edge in self.edges)
        contradicted = np.sum(~self._agreeing())
        if contradicted <= FAR_OFF * doubtful:
            return None
        before, held = dict(self.poses), anchors(self.poses, self.edges)
        limit = self._max_squared_distance()
        try:
            self.poses.update(relaxed_poses(before, self.edges, held, self._factors, limit))
        except np.linalg.LinAlgError as error:
            logger.warning("the pose graph's edges alone do not place the keyframes: %s", error)
            return None
        # The others are wrong beyond doubt, and without them this is many times as fast.
        near = [e for e, is_near in zip(self.edges, self._agreeing(NEARLY), strict=True) if is_near]
        self._solve(near, self._redescending)
        error_anew = self._solve_agreeing()
        if np.sum(~self._agreeing()) > contradicted / 2:
            self.poses.update(before)
            return None
        return error_anew

    def _solve_agreeing(self) -> float:
        """Solve over the edges that agree, decide again there, and once more if that differs."""
        error, agreed = 0.0, np.zeros(len(self.edges), bool)
        for _ in range(FINAL_ROUNDS):
            previous, agreed = agreed, self._agreeing()
            if not np.array_equal(agreed, previous):
                edges = [e for e, agrees in zip(self.edges, agreed, strict=True) if agrees]
                error = self._solve(edges, None)
        return error

    def _agreeing(self, leniency: float = 1.0) -> np.ndarray:
        """bool (N,): is_inlier of every edge, where squared distances may be so often as large."""
        trusted = np.array([edge.kind.is_trusted for edge in self.edges])
        distances = squared_distances(self.poses, self.edges, self._factors)
        return trusted | (distances <= leniency * self._max_squared_distance())

    def optimise_window(self, keyframe_ids: Iterable[int]) -> float:
        """Move only these keyframes and the last `window` ones; its cost does not grow.

        Their neighbours outside the window hold it in place.
        """
        wanted = {*list(self.poses)[-self.config.window :], *keyframe_ids}
        moving = [k for k in sorted(wanted) if self._root_of[k] != k]  # a root is its world
        edges = {id(e): e for k in moving for e in self._edges_of[k]}.values()
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

    def _solve(self, edges: list[Edge], kernel: Kernel | None) -> float:
        """All poses over the given edges; the kernel holds for the doubtful ones."""
        held = anchors(self.poses, edges)
        return self._move(self.poses, edges, self._options(kernel, held))

    def _move(
        self, poses: dict[int, np.ndarray], edges: Collection[Edge], options: SolveOptions
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
