"""Where the keyframes would be by what was compared anew, and how far errors of it add up.

Each comparison says by how much one keyframe is off from another. A pose graph of these alone,
solved from the map as it is, moves the keyframes to where their views agree best: of a map that was
torn or bent that is its error, as far as anything in it knows of it. What is left of errors in
single comparisons adds up along the graph; that is told by errors that are drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from mapper.checking.finished_map import FinishedMap
from mapper.checking.revisits import Comparison
from mapper.core.sim3 import adjoint_sim3

if TYPE_CHECKING:
    from jaxtyping import Float64

UNCOMPARED: Final = 10.0  # times as unsure as a comparison: that a keyframe follows the one before
WRONG: Final = 2.0  # times what neighbours usually are off by, from which a comparison counts less
LEAST: Final = 1e-4  # radians, share of the depth, log scale: that neighbours are off by at least
HELD: Final = 1e-3  # deviation of the log scale against that of a turn, where depth was measured
ROUNDS: Final = 10  # of reweighting
DRAWS: Final = 64  # of errors
DOF: Final = 7


@dataclass(frozen=True, slots=True)
class Resolved:
    """Root mean squares over keyframes, units, after the whole was put where it fits best. moved:
    from where the map has the camera to where the comparisons want it. spread: by which errors move
    it, in each comparison as large as those of neighbouring views."""

    moved: float
    spread: float


@dataclass(frozen=True, slots=True)
class Link:
    """Numbers of two keyframes, and what the later one is off by from the earlier one: residual =
    to_residual @ (x_later - x_earlier) - found, x being twists (7,) of the world."""

    earlier: int
    later: int
    to_residual: Float64[np.ndarray, "7 7"]
    found: Float64[np.ndarray, " 7"]
    weight: float


def resolve(each: FinishedMap, pairs: Sequence[Comparison]) -> Resolved:
    """Of the pairs that were compared."""
    poses = _centred(list(each.saved.fused_poses.values()))
    depths = [keyframe.median_depth for keyframe in each.keyframes.values()]
    number = each.order
    compared = [
        link_between(poses, depths, number[p.i], number[p.j], np.array(p.twist), each.is_measured)
        for p in pairs
    ]
    steps = [
        link_between(poses, depths, k, k + 1, np.zeros(DOF), each.is_measured, 1 / UNCOMPARED**2)
        for k in range(len(poses) - 1)
    ]
    near = [link for link, p in zip(compared, pairs, strict=True) if not p.is_revisit]
    return resolved(poses, compared, steps, near or compared, free_scale=not each.is_measured)


def link_between(
    poses: Float64[np.ndarray, "n 4 4"],
    depths: Sequence[float],
    earlier: int,
    later: int,
    twist: np.ndarray,
    is_measured: bool,
    weight: float = 1.0,
) -> Link:
    """poses: S_world_keyframe. depths: that each sees, in its units. twist: (7,), of the later one,
    from where the map has it to where the views do. is_measured: its depth was, so that its scale
    is known. weight: as that of an inverse variance."""
    scale = HELD if is_measured else 1.0
    sigmas = np.array([1.0] * 3 + [depths[later]] * 3 + [scale])
    found = twist / sigmas
    if is_measured:
        found[6] = 0.0
    to_residual = np.linalg.inv(adjoint_sim3(poses[later])) / sigmas[:, None]
    return Link(earlier, later, to_residual, found, weight)


def resolved(
    poses: Float64[np.ndarray, "n 4 4"],
    compared: Sequence[Link],
    steps: Sequence[Link],
    near: Sequence[Link],
    free_scale: bool,
) -> Resolved:
    """poses: S_world_keyframe about their middle. steps: what holds keyframes that were compared
    with none. near: those of the compared that tell how large errors are."""
    if not compared:
        return Resolved(0.0, 0.0)
    offs = [float(np.linalg.norm(link.found)) for link in near]
    usual = max(float(np.median(offs)), LEAST)
    links, ends = [*compared, *steps], len(poses)
    weights = base = np.array([link.weight for link in links])
    for _ in range(ROUNDS):
        solved = _solved(links, weights, [link.found for link in links], ends)
        off = [
            np.linalg.norm(each.to_residual @ (solved[each.later] - solved[each.earlier]) - found)
            for each, found in ((link, link.found[:, None]) for link in links)
        ]
        weights = base / (1 + (np.array(off) / (WRONG * usual)) ** 2)  # Cauchy's
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(len(links), DOF, DRAWS)) / np.sqrt(weights)[:, None, None]
    swayed = _solved(links, weights, list(drawn), ends)
    spread = float(np.mean(offs)) * _root_mean_square(poses, swayed, free_scale)
    return Resolved(_root_mean_square(poses, solved, free_scale), spread)


def _centred(poses: Sequence[Float64[np.ndarray, "4 4"]]) -> Float64[np.ndarray, "n 4 4"]:
    centred = np.stack(poses).copy()
    centred[:, :3, 3] -= centred[:, :3, 3].mean(axis=0)
    return centred


def _solved(
    links: Sequence[Link], weights: np.ndarray, found: Sequence[np.ndarray], count: int
) -> Float64[np.ndarray, "n 7 m"]:
    """Twists of the keyframes that leave the least of what was found, (7,) or (7, m) of each link;
    the first keyframe stays."""
    rows, columns, values = [], [], []
    right = np.zeros((count * DOF, found[0].size // DOF))
    for link, weight, off in zip(links, weights, found, strict=True):
        half = weight * link.to_residual.T
        block, pull = half @ link.to_residual, half @ off.reshape(DOF, -1)
        right[link.later * DOF : (link.later + 1) * DOF] += pull
        right[link.earlier * DOF : (link.earlier + 1) * DOF] -= pull
        for a, b in itertools.product((link.earlier, link.later), repeat=2):
            i, j = np.indices((DOF, DOF))
            rows.append((a * DOF + i).ravel())
            columns.append((b * DOF + j).ravel())
            values.append((block if a == b else -block).ravel())
    H = csc_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count * DOF, count * DOF),
    )
    solved = np.zeros_like(right)
    solved[DOF:] = splu(H[DOF:, DOF:].tocsc()).solve(right[DOF:])
    return solved.reshape(count, DOF, -1)


def _root_mean_square(
    poses: Float64[np.ndarray, "n 4 4"], twists: Float64[np.ndarray, "n 7 m"], free_scale: bool
) -> float:
    """Of by how much positions are moved, when the whole is moved back where it fits best."""
    centres = poses[:, :3, 3]
    x, y, z = centres.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    moves = np.stack(  # of each position by each component of a twist, (n, 3, 7)
        [
            np.stack([zero, z, -y, one, zero, zero, x], axis=1),
            np.stack([-z, zero, x, zero, one, zero, y], axis=1),
            np.stack([y, -x, zero, zero, zero, one, z], axis=1),
        ],
        axis=1,
    )
    moved = (moves @ twists).reshape(3 * len(poses), -1)
    whole = moves[..., : DOF if free_scale else DOF - 1].reshape(3 * len(poses), -1)
    left = moved - whole @ np.linalg.lstsq(whole, moved, rcond=None)[0]
    return float(np.sqrt((left**2).sum() / (len(poses) * moved.shape[1])))
