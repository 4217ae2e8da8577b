"""Moves a pose graph to where its edges and what is known from elsewhere agree best."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import gtsam
import numpy as np
from scipy.special import gammaincinv

from mapper.backend.graph.anchors import anchors
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_problem import Kernel
from mapper.backend.graph.graph_solver import HELD_SIGMA, EdgeFactors, squared_distances, values_of
from mapper.backend.graph.gravity_factors import (
    mount_key,
    mount_prior,
    mounted_names,
    up_factor,
)
from mapper.backend.graph.motion_factors import motion_factor
from mapper.backend.graph.prior_factors import (
    anchor_key,
    anchor_of,
    measured_factor,
    pose_factor,
    pose_residual,
    same_scale,
)
from mapper.backend.graph.priors import PosePrior, Priors
from mapper.core.sim3 import scale_of, to_gtsam

HUBER: Final = Kernel("Huber", 1.345)
ROUNDS: Final = 3  # of deciding which readings and edges agree, and solving over them
ANY_TURN: Final = 1.0  # rad: an anchor's rotation where nothing else tells it, about a straight way
ANY_SCALE: Final = 1.0  # of the logarithm
SAME_METRE: Final = 1e-3
SENSOR_SCALE: Final = 0.03  # share by which a depth camera may be wrong about the metre
MAX_ITERATIONS: Final = 50
FIRST_TAG: Final = 1 << 40  # tags are nodes of the graph beside the keyframes, by their numbers
TAG_UNIT: Final = 1e-3  # of its logarithm: a tag's unit is the metre


@dataclass(frozen=True, slots=True)
class TieProblem:
    """poses: S_world_keyframe by keyframe, at the optimum of the edges alone. anchors: S_world_
    source by source, about; those after the sources are the metre's and that of what is up, where
    no source is metric or upright. factors: of the graph. max_squared_distance: of an edge that
    agrees. is_metric: the map's unit is the metre.
    """

    poses: Mapping[int, np.ndarray]
    edges: Collection[Edge]
    priors: Priors
    anchors: Mapping[int, np.ndarray]
    factors: EdgeFactors
    max_squared_distance: float
    robust_scale: float
    is_metric: bool

    @property
    def metre(self) -> int:
        """The anchor whose unit is the metre."""
        return metre_anchor(self.priors)

    @property
    def upright(self) -> int:
        """The anchor whose third axis is up."""
        return upright_anchor(self.priors)


@dataclass(frozen=True, slots=True)
class TieSolution:
    """poses, anchors: at the optimum. agrees: bool, of each pose prior. kept: bool, of each edge.
    strain: mean squared distance of the edges that took part, by degree of freedom. dropped: edges
    that were in agreement before and no longer are. fault: why nothing moved. mounts: R_camera_
    sensor (3, 3) by the name of what sees up."""

    poses: dict[int, np.ndarray]
    anchors: dict[int, np.ndarray]
    agrees: np.ndarray
    kept: np.ndarray
    strain: float
    dropped: int
    fault: str = ""
    mounts: Mapping[str, np.ndarray] = field(default_factory=dict)


def metre_anchor(priors: Priors) -> int:
    """The number of the first metric source, else of an anchor of its own."""
    metric = (number for number, source in enumerate(priors.sources) if source.is_metric)
    return next(metric, len(priors.sources))


def upright_anchor(priors: Priors) -> int:
    """The number of the first upright source, else of an anchor of its own."""
    upright = (number for number, source in enumerate(priors.sources) if source.is_upright)
    return next(upright, len(priors.sources) + 1)


def solve_tied(problem: TieProblem) -> TieSolution:
    """Graduated as the pose graph's own: a convex kernel from where the edges alone put the map,
    then a redescending one, and at the end a plain solve over what agrees."""
    edges = list(problem.edges)
    before = _agreeing_edges(problem, problem.poses, edges)
    # What has drifted contradicts sightings of a tag that are far apart in time.
    near = [e for e, agrees in zip(edges, before, strict=True) if agrees or e.j >= FIRST_TAG]
    step = _solve(problem, near, problem.priors.poses, (HUBER, HUBER))
    kernels = narrow(problem), narrow(problem)
    step = _solve(_moved(problem, step), edges, problem.priors.poses, kernels)
    agrees, kept = np.zeros(0, bool), np.zeros(0, bool)
    used: list[Edge] = []
    for _ in range(ROUNDS):
        now = agreeing_priors(problem.priors.poses, step.poses, step.anchors)
        sound = _agreeing_edges(problem, step.poses, edges)
        if np.array_equal(now, agrees) and np.array_equal(sound, kept):
            break
        agrees, kept = now, sound
        used = [edge for edge, is_kept in zip(edges, kept, strict=True) if is_kept]
        priors = [p for p, is_used in zip(problem.priors.poses, agrees, strict=True) if is_used]
        step = _solve(_moved(problem, step), used, priors, (None, None))
    distances = squared_distances(step.poses, used, problem.factors)
    strain = float(np.mean(distances) / problem.factors.group.dof) if len(used) else 0.0
    return TieSolution(
        step.poses,
        step.anchors,
        agrees,
        kept,
        strain,
        int((before & ~kept).sum()),
        step.fault,
        step.mounts,
    )


def narrow(problem: TieProblem) -> Kernel:
    """The redescending one."""
    return Kernel("GemanMcClure", problem.robust_scale)


def agreeing_priors(
    priors: Collection[PosePrior],
    poses: Mapping[int, np.ndarray],
    anchors: Mapping[int, np.ndarray],
) -> np.ndarray:
    """bool (N,): which are within what their sigmas allow."""
    limits = {dof: float(2 * gammaincinv(dof / 2, 0.999)) for dof in (3, 6)}
    return np.array(
        [
            np.sum(pose_residual(p, poses[p.keyframe], anchors[p.source]) ** 2) <= limits[p.dof]
            for p in priors
        ],
        bool,
    )


def _agreeing_edges(
    problem: TieProblem, poses: Mapping[int, np.ndarray], edges: list[Edge]
) -> np.ndarray:
    if not edges:
        return np.zeros(0, bool)
    distances = squared_distances(poses, edges, problem.factors)
    trusted = np.array([edge.kind.is_trusted for edge in edges])
    return trusted | (distances <= problem.max_squared_distance)


@dataclass(frozen=True, slots=True)
class _Step:
    poses: dict[int, np.ndarray]
    anchors: dict[int, np.ndarray]
    fault: str = ""
    mounts: Mapping[str, np.ndarray] = field(default_factory=dict)


def _moved(problem: TieProblem, step: _Step) -> TieProblem:
    return replace(problem, poses=step.poses, anchors=step.anchors)


def _solve(
    problem: TieProblem,
    edges: Collection[Edge],
    priors: Collection[PosePrior],
    kernels: tuple[Kernel | None, Kernel | None],
) -> _Step:
    """Levenberg-Marquardt over keyframes and anchors. kernels: of edges that may be wrong, and of
    the readings of poses."""
    group = problem.factors.group
    graph, values = gtsam.NonlinearFactorGraph(), values_of(problem.poses, group)
    still = gtsam.noiseModel.Isotropic.Sigma(group.dof, HELD_SIGMA)
    for first in anchors(problem.poses, edges):
        graph.add(group.prior(first, group.wrap(problem.poses[first]), still))
    for edge in edges:
        graph.add(problem.factors.of(edge, kernels[0]))
    for prior in priors:
        graph.add(pose_factor(prior, group, kernels[1]))
    for motion in problem.priors.motions:
        graph.add(motion_factor(motion, problem.metre, group, kernels[1] or narrow(problem)))
    for measured in problem.priors.measured:
        graph.add(measured_factor(measured, problem.metre, group, kernels[1] or narrow(problem)))
    _add_anchors(problem, graph, values)
    names = _add_ups(problem, graph, values, kernels[1] or narrow(problem))
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setMaxIterations(MAX_ITERATIONS)
    parameters.setRelativeErrorTol(1e-5)
    as_before = dict(problem.poses), dict(problem.anchors)
    before = float(graph.error(values))
    try:
        optimised = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
    except RuntimeError as error:
        return _Step(*as_before, str(error).splitlines()[0])
    after = float(graph.error(optimised))
    if not np.isfinite(after) or after > before * (1 + 1e-9) + 1e-9:
        return _Step(*as_before, f"error {before:.4g} became {after:.4g}")
    return _Step(
        {k: group.unwrap(optimised, k) for k in problem.poses},
        {source: anchor_of(optimised, source) for source in problem.anchors},
        mounts={name: optimised.atRot3(mount_key(n)).matrix() for n, name in enumerate(names)},
    )


def _add_ups(
    problem: TieProblem, graph: gtsam.NonlinearFactorGraph, values: gtsam.Values, kernel: Kernel
) -> list[str]:
    """What is up, and how what sees it is mounted. The names of the mounts, by number."""
    names = mounted_names(problem.priors.ups)
    for number in range(len(names)):
        values.insert(mount_key(number), gtsam.Rot3())
        graph.add(mount_prior(number))
    group = problem.factors.group
    for up in problem.priors.ups:
        graph.add(up_factor(up, problem.upright, names.index(up.name), group, kernel))
    return names


def _add_anchors(
    problem: TieProblem, graph: gtsam.NonlinearFactorGraph, values: gtsam.Values
) -> None:
    """The anchors, loosely where they were guessed, and that all metric sources have one metre."""
    positions = np.array([S[:3, 3] for S in problem.poses.values()])
    extent = float(np.ptp(positions, axis=0).max()) + 1.0
    for source, A in problem.anchors.items():
        is_metre = source == problem.metre
        held = problem.is_metric and is_metre
        scale = SENSOR_SCALE if held else ANY_SCALE
        start = to_gtsam(A if not held else A @ np.diag([*[1 / scale_of(A)] * 3, 1]))
        sigmas = np.array([ANY_TURN] * 3 + [10 * extent / scale_of(A)] * 3 + [scale])
        loose = gtsam.noiseModel.Diagonal.Sigmas(sigmas)
        values.insert(anchor_key(source), to_gtsam(A))
        graph.add(gtsam.PriorFactorSimilarity3(anchor_key(source), start, loose))
        metric = source < len(problem.priors.sources) and problem.priors.sources[source].is_metric
        if metric and not is_metre:
            graph.add(same_scale(source, problem.metre, SAME_METRE))
