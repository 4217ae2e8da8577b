"""Would solving a long pose graph by rigid submaps pay? For tools/benchmarks/pose_graph.py.

Keyframes in a row are one rigid submap; the edges across submaps place these; then each submap's
keyframes move in turn with all others held, once. What it costs and what it leaves is held against
the flat solve of the same graph, in the same run. SE(3), Huber's kernel, as between the keyframes.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

import gtsam
import numpy as np

from benchmarks.parts.growing_walk import Walk, WalkOptions
from mapper.backend.graph.edge import Edge
from mapper.backend.graph.graph_problem import Problem, SolveOptions
from mapper.backend.graph.graph_solver import HELD_SIGMA, EdgeFactors, solve
from mapper.backend.graph.pose_graph import HUBER

SETTLED: Final = 0.98  # of the keyframes are at the optimum before the others come, as in a run
SIZES: Final = (20, 50)  # keyframes of a submap
STILL: Final = gtsam.noiseModel.Isotropic.Sigma(6, HELD_SIGMA)
Poses = dict[int, np.ndarray]


def measure_submaps(keyframes: int) -> None:
    """Prints seconds, half the squared error and the error of positions of each way."""
    walk = Walk(WalkOptions(keyframes, free_scale=False))
    arriving = list(walk.arriving())
    edges = [edge for each in arriving for edge in each]
    factors, settled = EdgeFactors(False), int(SETTLED * keyframes)
    known = [edge for each in arriving[:settled] for edge in each]
    poses = flat(dict(enumerate(walk.truth[:settled])), known, factors)
    for k in range(settled, keyframes):
        poses[k] = poses[k - 1] @ arriving[k][0].S_i_j
    truth = np.array(walk.truth)[:, :3, 3]

    def report(name: str, seconds: float, found: Poses) -> None:
        off = np.linalg.norm([found[k][:3, 3] - truth[k] for k in range(keyframes)], axis=1)
        error = solve(Problem(found, edges, SolveOptions(False, HUBER, (0,), 0)), factors).error
        rmse = float(np.sqrt(np.mean(off**2)))
        print(f"| {name} | {seconds:.2f} | {error:.0f} | {rmse:.4f} |", flush=True)

    print(f"\n{keyframes} keyframes, {len(edges)} edges\n| way | CPU s | error | off |")
    print("| --- | --- | --- | --- |")
    report("before", 0.0, poses)
    seconds, best = timed(partial(flat, poses, edges, factors))
    report("flat", seconds, best)
    for size in SIZES:
        first, placed = timed(partial(rigid, poses, edges, size))
        second, swept = timed(partial(sweep, placed, edges, factors, size))
        report(f"submaps of {size}, rigid", first, placed)
        report(f"submaps of {size}, and each once", first + second, swept)
        third, both = timed(partial(flat, swept, edges, factors))
        report(f"submaps of {size}, and flat after that", first + second + third, both)


def timed(work: Callable[[], Poses]) -> tuple[float, Poses]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def flat(poses: Poses, edges: Collection[Edge], factors: EdgeFactors) -> Poses:
    """As the mapper solves it."""
    return solve(Problem(poses, edges, SolveOptions(False, HUBER, (0,))), factors).poses


def rigid(poses: Poses, edges: Collection[Edge], size: int) -> Poses:
    """Submaps, each as rigid as a pose, by the edges between them."""
    bases = {k // size: gtsam.Pose3(poses[k]) for k in poses if k % size == 0}
    inner = {k: bases[k // size].between(gtsam.Pose3(T)) for k, T in poses.items()}
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for submap, base in bases.items():
        values.insert(submap, base)
    graph.add(gtsam.PriorFactorPose3(0, bases[0], STILL))
    kernel = HUBER.created()
    for edge in edges:
        i, j = edge.i // size, edge.j // size
        if i == j:
            continue
        # T_i T exp(x) T_j^-1 = T_i T T_j^-1 exp(Ad(T_j) x)
        back = np.linalg.inv(inner[edge.j].AdjointMap())
        information = back.T @ edge.information[:6, :6] @ back
        noise: Any = gtsam.noiseModel.Gaussian.Information(0.5 * (information + information.T))
        if not edge.kind.is_trusted:
            noise = gtsam.noiseModel.Robust.Create(kernel, noise)
        step = gtsam.Pose3(edge.S_i_j).compose(inner[edge.j].inverse())
        graph.add(gtsam.BetweenFactorPose3(i, j, inner[edge.i].compose(step), noise))
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setRelativeErrorTol(1e-4)
    found = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
    return {k: found.atPose3(k // size).compose(T).matrix() for k, T in inner.items()}


def sweep(poses: Poses, edges: Collection[Edge], factors: EdgeFactors, size: int) -> Poses:
    """Each submap's keyframes where all others, as they are by then, want them."""
    touching: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        for submap in {edge.i // size, edge.j // size}:
            touching[submap].append(edge)
    found = dict(poses)
    for submap, near in sorted(touching.items()):
        involved = {k: found[k] for edge in near for k in (edge.i, edge.j)}
        held = tuple(k for k in involved if k // size != submap or k == 0)
        options = SolveOptions(False, HUBER, held, 3)
        found.update(solve(Problem(involved, near, options), factors).poses)
    return found
