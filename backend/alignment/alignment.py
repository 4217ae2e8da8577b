"""Aligns all keyframes of a map at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.edge_terms import EdgeTerms
from mapper.backend.alignment.geometry import Pairs, State
from mapper.backend.alignment.matching import Matches, compared_at, match
from mapper.backend.alignment.problem import Problem
from mapper.backend.alignment.relative import relative_information
from mapper.backend.alignment.residuals import Weighting
from mapper.backend.alignment.similarities import similarities
from mapper.backend.alignment.solver import optimise
from mapper.backend.alignment.views import LEVELS, Views, load_views
from mapper.backend.graph.edge import Edge
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.runtime.torch_device import choose_device

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
KERNEL_GROWTH = (4, 2, 1)  # round by round: matches are far off at first, and yet right
# A round that lowers the cost by less than this share is the last. A tenth of it moved no keyframe
# by more than 0.2 mm, on a simulated walk of 38 keyframes that is aligned to 1.1 cm.
SETTLED = 5e-3
# A focal length that is this far (log) from what a network said on average was not found: of two
# small networks on five rooms none was off by more than 0.14.
MAX_LOG_FOCAL = 0.25


@dataclass(frozen=True, slots=True)
class AlignmentTask:
    """poses: S_world_keyframe of the keyframes to align, at least two. edges: those believed.

    pairs: (i, j) of keyframes that see the same, each once. fixed: keyframes that stay; empty =
    the first. free_scale: Sim(3), else SE(3). is_focal_open: they have one camera, which nobody
    knows.
    """

    poses: Mapping[int, np.ndarray]
    edges: Sequence[Edge]
    pairs: Sequence[tuple[int, int]]
    free_scale: bool
    fixed: Sequence[int] = field(default_factory=tuple)
    is_focal_open: bool = False


@dataclass(frozen=True, slots=True)
class GlobalAlignment:
    """poses: S_world_keyframe. corrections: (rows, columns) log-depth grids, by keyframe.

    focal_factor: on all focal lengths. costs: of each round, at first and what its steps left.
    matches: how many places were recognised in the last round, and matches_of: by pair of
    keyframes i < j. information: (7, 7) of each such S_i_j, perturbed on the right. converged:
    the last round changed little.
    """

    poses: dict[int, np.ndarray]
    corrections: dict[int, np.ndarray]
    focal_factor: float
    costs: list[tuple[float, float]]
    matches: int
    matches_of: dict[tuple[int, int], int]
    information: dict[tuple[int, int], np.ndarray]
    converged: bool


def align_globally(
    task: AlignmentTask,
    map_of: Callable[[int], KeyframeMap],
    config: GlobalAlignmentConfig,
    progress: Progress | None = None,
) -> GlobalAlignment:
    """Poses and smooth depth corrections that agree best about what the keyframes see.

    Correspondences are found by projection and by the looks of the images, the poses moved, and
    the correspondences found anew from there. Memory: 3 MB a keyframe, 0.5 GB for the solve.
    """
    ids = sorted(task.poses)
    device = choose_device(config.device, "backend.alignment.device")
    views = load_views(ids, map_of, config, device)
    problem = _problem(task, ids, views, config)
    aligned = _align(task, ids, problem, config, progress)
    if config.refine_focal == "auto" and abs(np.log(aligned.focal_factor)) > MAX_LOG_FOCAL:
        logger.warning(
            "alignment: the focal length ran away to %.2f times what it was and is held",
            aligned.focal_factor,
        )
        aligned = _align(task, ids, replace(problem, refine_focal=False), config, progress)
    return aligned


def _align(
    task: AlignmentTask,
    ids: list[int],
    problem: Problem,
    config: GlobalAlignmentConfig,
    progress: Progress | None,
) -> GlobalAlignment:
    views = problem.views
    device = views.cameras.device
    state = State(
        similarities(np.stack([task.poses[k] for k in ids]), device),
        torch.zeros((len(ids), views.grid.nodes), dtype=torch.float64, device=device),
        torch.zeros((), dtype=torch.float64, device=device),
    )
    costs: list[tuple[float, float]] = []
    damping = 1e-4
    for number in range(config.rounds):
        # What the first round cannot see it finds from further away; later rounds are close.
        matches = match(views, state, problem.pairs, LEVELS if number == 0 else 2)
        wide = KERNEL_GROWTH[min(number, len(KERNEL_GROWTH) - 1)]
        weighting = replace(problem.weighting, kernel_scale=wide * config.kernel_scale)
        # Views that are not in place yet would be explained by any focal length.
        refined = problem.refine_focal and wide == 1
        annealed = replace(problem, weighting=weighting, refine_focal=refined)
        state, cost, damping = optimise(annealed, state, matches, config.steps, damping)
        costs.append(cost)
        found = int(matches.found.sum())
        logger.info("alignment %d: %d matches, cost %.4g -> %.4g", number, found, *cost)
        if progress is not None:
            progress(number + 1, config.rounds)
        if wide == 1 and cost[0] - cost[1] < SETTLED * cost[0]:
            break
    return _result(ids, problem, state, matches, costs)


def try_to_align(
    task: AlignmentTask,
    map_of: Callable[[int], KeyframeMap],
    config: GlobalAlignmentConfig,
    progress: Progress | None = None,
) -> GlobalAlignment | None:
    """align_globally, or None where it fails: the log says why, and no pose was moved."""
    try:
        aligned = align_globally(task, map_of, config, progress)
    except (RuntimeError, np.linalg.LinAlgError) as error:  # a singular solve, a GPU that is full
        reason = next((line for line in str(error).splitlines() if line), type(error).__name__)
        logger.warning("global alignment failed and was rolled back: %s", reason)
        return None
    if not all(np.isfinite(S).all() for S in aligned.poses.values()):
        logger.warning("global alignment failed and was rolled back: its poses are not finite")
        return None
    return aligned


def _problem(
    task: AlignmentTask, ids: list[int], views: Views, config: GlobalAlignmentConfig
) -> Problem:
    row_of = {keyframe_id: row for row, keyframe_id in enumerate(ids)}
    pairs = np.array([(row_of[i], row_of[j]) for i, j in task.pairs], int).reshape(-1, 2)
    both = np.concatenate((pairs, pairs[:, ::-1]))
    device = views.cameras.device
    noise = float(views.depth_sigma.median())
    same_camera = bool((views.cameras == views.cameras[:1]).all())
    ray = config.residual == "ray" or (config.residual == "auto" and not same_camera)
    edges = [
        replace(e, i=row_of[e.i], j=row_of[e.j])
        for e in task.edges
        if e.i in row_of and e.j in row_of
    ]
    return Problem(
        views,
        Pairs(torch.from_numpy(both[:, 0]).to(device), torch.from_numpy(both[:, 1]).to(device)),
        Weighting(config.pixel_sigma, config.depth_sigmas * noise, config.kernel_scale, ray),
        EdgeTerms(edges, config.edge_weight, device),
        config.correction_sigmas * noise,
        task.free_scale,
        [row_of[k] for k in task.fixed] or [0],
        config.refine_focal == "always" or (config.refine_focal == "auto" and task.is_focal_open),
    )


def _result(
    ids: list[int],
    problem: Problem,
    state: State,
    matches: Matches,
    costs: list[tuple[float, float]],
) -> GlobalAlignment:
    grid, pairs = problem.views.grid, problem.pairs
    S, grids = state.S_world_view.matrix().cpu().numpy(), state.grids.cpu().numpy()
    matches = compared_at(problem.views, state, matches)
    information = relative_information(problem, problem.linearised(state, matches))
    found = matches.picked.pair[matches.found]
    counts = torch.bincount(found, minlength=len(pairs)).tolist()
    matches_of: dict[tuple[int, int], int] = {}
    for i, j, count in zip(pairs.i.tolist(), pairs.j.tolist(), counts, strict=True):
        key = ids[min(i, j)], ids[max(i, j)]
        matches_of[key] = matches_of.get(key, 0) + count
    first, last = costs[-1]
    return GlobalAlignment(
        {k: S[row] for row, k in enumerate(ids)},
        {k: grids[row].reshape(grid.rows, grid.columns) for row, k in enumerate(ids)},
        float(state.log_focal.exp()),
        costs,
        int(matches.found.sum()),
        matches_of,
        {(ids[i], ids[j]): matrix for (i, j), matrix in information.items()},
        first - last < SETTLED * first,
    )
