"""What one linear solve of the global alignment costs, by the number of keyframes.

    OMP_NUM_THREADS=1 python tools benchmarks.alignment_solver [--keyframes 20 50 100 200]

Keyframes stand a 200th of a lap through the sample room apart, and are compared with the four
before and after them; poses are off by a centimetre and half a degree. Of the first step's normal
equations: the alignment's own sparse factor (assembling included), GTSAM with one factor for each
pair, edge and view (what it was before), and conjugate gradients with a block-Jacobi
preconditioner to 1e-10. CPU time, each the best of several.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from reference.alignment_solver import gtsam_step
from reference.block_pcg import solve_pcg

from mapper.backend.alignment.blocks import Blocks
from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.matching import match
from mapper.backend.alignment.normal_equations import STILL, assemble
from mapper.backend.alignment.problem import Problem
from mapper.backend.alignment.residuals import Weighting
from mapper.backend.alignment.similarities import exp, similarities
from mapper.backend.alignment.views import load_views
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.depth_noise import LEARNED
from mapper.core.geometry import inverse
from mapper.rooms.renderer import RoomRenderer
from mapper.rooms.sample.camera import sample_intrinsics, sample_poses
from mapper.rooms.sample.furniture import sample_room
from mapper.rooms.sample.sequence import render_sample

LAP = 200  # keyframes
REACH = 4  # keyframes before and after that one is compared with
OFF = np.r_[np.full(3, np.radians(0.5)), np.full(3, 0.01), 0.005] / np.sqrt(3)
DAMPING = 1e-4
TOLERANCE = 1e-10  # of conjugate gradients: poses agree to 1e-9 then
REPEATS = 9
CPU = torch.device("cpu")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Case:
    """A problem, poses near its solution, and their normal equations."""

    problem: Problem
    state: State
    blocks: Blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keyframes", type=int, nargs="+", default=[20, 50, 100, 200])
    arguments = parser.parse_args()
    print(
        "| keyframes | pairs | blocks of the factor | ours | GTSAM | PCG | iterations | "
        "largest difference from GTSAM: ours, PCG |\n" + "| --- " * 8 + "|"
    )
    for count in arguments.keyframes:
        print(row(case_of(count)), flush=True)


def row(case: Case) -> str:
    """Milliseconds of each way."""
    problem = case.problem
    seconds, (ours, _) = best(lambda: assembled_step(case))
    theirs_seconds, (theirs, _) = best(
        lambda: gtsam_step(problem, case.state, case.blocks, DAMPING)
    )
    pcg_seconds, (gradient, iterations) = best(lambda: pcg_step(case))
    off = [float((x - theirs).abs().max()) for x in (ours, gradient)]
    return (
        f"| {len(problem.views)} | {len(problem.pairs)} | {len(problem.elimination)} "
        f"| {seconds * 1e3:.1f} ms | {theirs_seconds * 1e3:.1f} ms | {pcg_seconds * 1e3:.1f} ms "
        f"| {iterations} | {off[0]:.0e}, {off[1]:.0e} |"
    )


def assembled_step(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    return assemble(case.problem, case.state, case.blocks).step(DAMPING)


def pcg_step(case: Case) -> tuple[torch.Tensor, int]:
    equations = assemble(case.problem, case.state, case.blocks)
    H = equations.H.clone()
    H[equations.elimination.diagonal] += torch.diag_embed(DAMPING * equations.marquardt + STILL)
    joined = sorted({(min(p), max(p)) for p in case.problem.pairs.listed()})
    return solve_pcg(equations.elimination, H, joined, -equations.g, TOLERANCE)


def best(of: Callable[[], Result]) -> tuple[float, Result]:
    """(the least seconds of several, the last result)."""
    of()
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        result = of()
        seconds.append(time.process_time() - started)
    return min(seconds), result


def case_of(count: int) -> Case:
    """So many keyframes of the walk, and an edge between each and the next."""
    intrinsics = sample_intrinsics(320, 240)
    renderer, poses = RoomRenderer(sample_room()), sample_poses(LAP)[:count]
    maps = []
    for T in poses:
        image, depth = render_sample(renderer, T, intrinsics, None)
        maps.append(KeyframeMap(depth, np.ones_like(depth), image, intrinsics, LEARNED))
    config = GlobalAlignmentConfig(device="cpu")
    views = load_views(range(count), maps.__getitem__, config, CPU)
    edges = [
        Edge(k, k + 1, inverse(poses[k]) @ poses[k + 1], 1e4 * np.eye(7), EdgeKind.ODOMETRY)
        for k in range(count - 1)
    ]
    problem = Problem(
        views,
        near_pairs(count),
        Weighting(config.pixel_sigma, 0.03, config.kernel_scale, False),
        EdgeTerms(edges, config.edge_weight, CPU),
        0.05,
        True,
        [0],
        False,
    )
    xi = np.random.default_rng(0).normal(0, OFF, (count, 7))
    nothing = torch.zeros((count, views.grid.nodes), dtype=torch.float64)
    state = State(
        similarities(poses, CPU) @ exp(torch.from_numpy(xi)),
        nothing,
        torch.zeros((), dtype=torch.float64),
    )
    matches = match(views, state, problem.pairs)
    return Case(problem, state, problem.linearised(state, matches))


def near_pairs(count: int) -> Pairs:
    i, j = np.nonzero(np.abs(np.subtract.outer(np.arange(count), np.arange(count))) <= REACH)
    apart = i != j
    return Pairs(torch.from_numpy(i[apart]), torch.from_numpy(j[apart]))


if __name__ == "__main__":
    main()
