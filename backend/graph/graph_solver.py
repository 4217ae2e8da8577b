"""One robust least-squares solve over keyframe poses, by GTSAM."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gtsam
import numpy as np

from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_problem import Kernel, Problem
from mapper.core.sim3 import all_to_gtsam, from_gtsam, to_gtsam

HELD_SIGMA = 1e-6  # rad, metres and log scale: of what is held still


class EdgeFactors:
    """GTSAM's factors of each edge, made once: an edge takes part in many solves."""

    def __init__(self, free_scale: bool) -> None:
        self.group: Group = Similarities() if free_scale else Poses()
        self._made: dict[int, _Made] = {}

    def of(self, edge: Edge, kernel: Kernel | None = None) -> gtsam.NonlinearFactor:
        """The kernel holds for an edge that may be wrong; without one the error is Gaussian."""
        made = self._made.get(id(edge))
        if made is None:
            made = self._made[id(edge)] = _Made(edge, _factor(edge, self.group), {})
        if kernel is None or edge.kind.is_trusted:
            return made.factor
        robust = made.robust.get(kernel)
        if robust is None:
            noise = gtsam.noiseModel.Robust.Create(kernel.created(), made.factor.noiseModel())
            robust = self.group.between(edge.i, edge.j, made.factor.measured(), noise)
            made.robust[kernel] = robust
        return robust

    def forget(self, edges: Collection[Edge]) -> None:
        """Edges that have left the graph."""
        for edge in edges:
            self._made.pop(id(edge), None)


@dataclass(frozen=True, slots=True)
class _Made:
    """The factors of an edge, of either group: without a kernel, and with each one asked for.

    The edge is kept too: the id of one that is gone could come back as another's.
    """

    edge: Edge
    factor: Any
    robust: dict[Kernel, Any]


@dataclass(frozen=True, slots=True)
class Solution:
    """poses: S_world_keyframe of every given keyframe at the optimum. error: half the squared
    error there. fault: why nothing moved; empty where all went well."""

    poses: dict[int, np.ndarray]
    error: float
    fault: str = ""


class Solver(Protocol):
    """Solves in this process (InProcess) or in another (solver_process.SolverProcess)."""

    def solve(self, problem: Problem, factors: EdgeFactors) -> Solution:
        """Poses that fit the edges best, near the given ones; see solve()."""

    def close(self) -> None:
        """Give back what the solver holds."""


class InProcess:
    """A Solver that holds Python's lock while it works, as GTSAM does."""

    def solve(self, problem: Problem, factors: EdgeFactors) -> Solution:
        """As solve(), which holds Python while it works."""
        return solve(problem, factors)

    def close(self) -> None:
        """Nothing is held."""


def solve(problem: Problem, factors: EdgeFactors | None = None) -> Solution:
    """factors: those kept from earlier solves with the same free_scale.

    Levenberg-Marquardt. An optimisation that ends worse than it began, or with numbers that are
    not finite, is given up: the poses come back as they were.
    """
    poses, options = problem.poses, problem.options
    factors = factors or EdgeFactors(options.free_scale)
    group = factors.group
    graph = gtsam.NonlinearFactorGraph()
    values = values_of(poses, group)
    still = gtsam.noiseModel.Isotropic.Sigma(group.dof, HELD_SIGMA)
    for keyframe_id in options.held:
        graph.add(group.prior(keyframe_id, group.wrap(poses[keyframe_id]), still))
    for edge in problem.edges:
        graph.add(factors.of(edge, options.kernel))
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setMaxIterations(options.max_iterations)
    parameters.setRelativeErrorTol(1e-4)
    before = float(graph.error(values))
    try:
        optimised = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
    except RuntimeError as error:
        return Solution(dict(poses), before, str(error).splitlines()[0])
    after = float(graph.error(optimised))
    if not np.isfinite(after) or after > before * (1 + 1e-9) + 1e-9:
        return Solution(dict(poses), before, f"error {before:.4g} became {after:.4g}")
    return Solution({k: group.unwrap(optimised, k) for k in poses}, after)


def squared_distance(
    edge: Edge, S_world_i: np.ndarray, S_world_j: np.ndarray, free_scale: bool
) -> float:
    """Squared Mahalanobis distance of an edge from two poses."""
    group: Group = Similarities() if free_scale else Poses()
    S_i_j = group.wrap(S_world_i).between(group.wrap(S_world_j))
    residual = group.wrap(edge.S_i_j).localCoordinates(S_i_j)
    return float(residual @ edge.information[: group.dof, : group.dof] @ residual)


def squared_distances(
    poses: Mapping[int, np.ndarray], edges: Collection[Edge], factors: EdgeFactors
) -> np.ndarray:
    """Squared Mahalanobis distances (N,) of many edges from the poses."""
    values = values_of(poses, factors.group)
    return np.array([2 * factors.of(edge).error(values) for edge in edges])


class Poses:
    """SE(3): the scale of a metric frontend is held."""

    dof = 6
    prior = staticmethod(gtsam.PriorFactorPose3)
    between = staticmethod(gtsam.BetweenFactorPose3)

    def wrap(self, S: np.ndarray) -> Any:
        """As GTSAM has it."""
        return gtsam.Pose3(S)

    def wrap_all(self, S: np.ndarray) -> list[Any]:
        """The same of (N, 4, 4)."""
        return [gtsam.Pose3(each) for each in S]

    def unwrap(self, values: gtsam.Values, keyframe_id: int) -> np.ndarray:
        """S_world_keyframe (4, 4)."""
        return np.asarray(values.atPose3(keyframe_id).matrix())


class Similarities:
    """Sim(3)."""

    dof = 7
    prior = staticmethod(gtsam.PriorFactorSimilarity3)
    between = staticmethod(gtsam.BetweenFactorSimilarity3)

    def wrap(self, S: np.ndarray) -> Any:
        """As GTSAM has it."""
        return to_gtsam(S)

    def wrap_all(self, S: np.ndarray) -> list[Any]:
        """The same of (N, 4, 4)."""
        return all_to_gtsam(S)

    def unwrap(self, values: gtsam.Values, keyframe_id: int) -> np.ndarray:
        """S_world_keyframe (4, 4)."""
        return from_gtsam(values.atSimilarity3(keyframe_id))


Group = Poses | Similarities


def values_of(poses: Mapping[int, np.ndarray], group: Group) -> gtsam.Values:
    """S_world_keyframe (4, 4) by keyframe, as GTSAM takes them."""
    values = gtsam.Values()
    stacked = np.concatenate([np.empty((0, 4)), *poses.values()]).reshape(-1, 4, 4)
    for keyframe_id, wrapped in zip(poses, group.wrap_all(stacked), strict=True):
        values.insert(keyframe_id, wrapped)
    return values


def _factor(edge: Edge, group: Group) -> gtsam.NonlinearFactor:
    information = edge.information[: group.dof, : group.dof]
    noise = gtsam.noiseModel.Gaussian.Information(information)
    return group.between(edge.i, edge.j, group.wrap(edge.S_i_j), noise)
