"""The pose graph over keyframes: GTSAM factors, robust against wrong loops."""

from __future__ import annotations

from dataclasses import dataclass

import gtsam
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import gammaincinv

from mapper.backend.edge import Edge
from mapper.geometry import inverse, orthonormalised

HUBER_SCALE = 1.345
FINAL_ROUNDS = 2
GAUGE_SIGMA = 1e-6  # rad and metres: one keyframe a component is held still


@dataclass(frozen=True, slots=True)
class PoseGraphConfig:
    """robust_scale: Mahalanobis distance at which an edge that may be wrong loses weight. A right
    one is sqrt(6) off on average (6 dof): at scale 3 the kernel gives up right edges, 6 to 15 %
    of them in a drifted graph, at 5 none.

    inlier_probability: chi-square quantile inside which the final robust pass keeps an edge.
    max_iterations: of each optimisation.
    """

    robust_scale: float = 5.0
    inlier_probability: float = 0.9999
    max_iterations: int = 30


class PoseGraph:
    """Keyframe poses (T_world_keyframe) and the edges between them.

    Edges that may be wrong are graduated in: first a convex kernel (Huber) from wherever the
    poses are, then a redescending one (Geman-McClure) from there, and at the end a plain solve
    over the edges that agree. This is graduated non-convexity (Yang et al., RA-L 2020) in three
    steps instead of forty; GTSAM's own truncated GNC drops every edge of a graph that starts
    far from its optimum.
    """

    def __init__(self, config: PoseGraphConfig | None = None) -> None:
        self.config = config or PoseGraphConfig()
        self.poses: dict[int, np.ndarray] = {}
        self.edges: list[Edge] = []
        self._parents: dict[int, int] = {}  # union-find; roots are the components' smallest ids

    def add_pose(self, keyframe_id: int, T_world_keyframe: np.ndarray) -> None:
        self.poses[keyframe_id] = T_world_keyframe
        self._parents.setdefault(keyframe_id, keyframe_id)

    def add_edge(self, edge: Edge) -> None:
        """The edge that first joins two components carries the later one to where it fits.

        The pose between components is no more than a guess, and the kernel would take a right
        edge for a wrong one. The component of the earlier keyframe stays: it holds the world.
        """
        if edge.i not in self.poses or edge.j not in self.poses:
            raise KeyError(f"edge {edge.i}-{edge.j} names a keyframe that is not in the graph")
        self.edges.append(edge)
        root_i, root_j = self._root(edge.i), self._root(edge.j)
        if root_i == root_j:
            return
        if root_i < root_j:
            T_i_j, stays, moves = edge.T_i_j, edge.i, edge.j
        else:
            T_i_j, stays, moves = inverse(edge.T_i_j), edge.j, edge.i
        T_new_old = self.poses[stays] @ T_i_j @ inverse(self.poses[moves])
        for keyframe_id in [k for k in self.poses if self._root(k) == max(root_i, root_j)]:
            self.poses[keyframe_id] = orthonormalised(T_new_old @ self.poses[keyframe_id])
        self._parents[max(root_i, root_j)] = min(root_i, root_j)

    def component_of(self) -> dict[int, int]:
        """For each keyframe, the smallest keyframe id that it is connected to."""
        return {k: self._root(k) for k in self.poses}

    def _root(self, keyframe_id: int) -> int:
        parents = self._parents
        while parents[keyframe_id] != keyframe_id:
            parents[keyframe_id] = parents[parents[keyframe_id]]
            keyframe_id = parents[keyframe_id]
        return keyframe_id

    def optimise(self, final: bool = False) -> float:
        """Move the poses to the optimum; returns the weighted squared error there.

        final: afterwards decide about each doubtful edge, use it or drop it, and solve once more
        without a kernel; used at the end.
        """
        if len(self.poses) < 2 or not self.edges:
            return 0.0
        kernels = gtsam.noiseModel.mEstimator
        error = self._solve(self.edges, kernels.Huber(HUBER_SCALE))
        if any(not edge.kind.is_trusted for edge in self.edges):
            error = self._solve(self.edges, kernels.GemanMcClure(self.config.robust_scale))
        if final:
            for _ in range(FINAL_ROUNDS):
                error = self._solve([e for e in self.edges if self.is_inlier(e)], None)
        return error

    def is_inlier(self, edge: Edge) -> bool:
        """Whether the edge agrees with the poses within the chi-square quantile asked for."""
        limit = 2 * gammaincinv(3.0, self.config.inlier_probability)  # chi-square, 6 dof
        return edge.kind.is_trusted or self.squared_distance(edge) <= limit

    def squared_distance(self, edge: Edge) -> float:
        """Squared Mahalanobis distance of an edge from the present poses."""
        T_i_j = gtsam.Pose3(self.poses[edge.i]).between(gtsam.Pose3(self.poses[edge.j]))
        residual = gtsam.Pose3(edge.T_i_j).localCoordinates(T_i_j)
        return float(residual @ edge.information @ residual)

    def _anchors(self, edges: list[Edge]) -> list[int]:
        """The first keyframe of each part that the given edges hold together.

        Edges that were dropped may have been all that held two parts together.
        """
        ids = sorted(self.poses)
        row_of = {keyframe_id: row for row, keyframe_id in enumerate(ids)}
        rows = [row_of[e.i] for e in edges], [row_of[e.j] for e in edges]
        links = coo_array((np.ones(len(edges)), rows), (len(ids), len(ids)))
        _, labels = connected_components(links, directed=False)
        return [ids[row] for row in np.unique(labels, return_index=True)[1]]

    def _solve(self, edges: list[Edge], kernel: gtsam.noiseModel.mEstimator.Base | None) -> float:
        """Levenberg-Marquardt over the given edges; the kernel holds for the doubtful ones."""
        graph = gtsam.NonlinearFactorGraph()
        gauge = gtsam.noiseModel.Isotropic.Sigma(6, GAUGE_SIGMA)
        for anchor in self._anchors(edges):
            graph.add(gtsam.PriorFactorPose3(anchor, gtsam.Pose3(self.poses[anchor]), gauge))
        for edge in edges:
            noise: gtsam.noiseModel.Base = gtsam.noiseModel.Gaussian.Information(edge.information)
            if kernel is not None and not edge.kind.is_trusted:
                noise = gtsam.noiseModel.Robust.Create(kernel, noise)
            graph.add(gtsam.BetweenFactorPose3(edge.i, edge.j, gtsam.Pose3(edge.T_i_j), noise))
        values = gtsam.Values()
        for keyframe_id, T in self.poses.items():
            values.insert(keyframe_id, gtsam.Pose3(T))
        parameters = gtsam.LevenbergMarquardtParams()
        parameters.setMaxIterations(self.config.max_iterations)
        parameters.setRelativeErrorTol(1e-4)
        optimised = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
        for keyframe_id in self.poses:
            self.poses[keyframe_id] = optimised.atPose3(keyframe_id).matrix()
        return float(graph.error(optimised))
