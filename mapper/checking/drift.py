"""How far errors of single steps can add up in a map: that is told by its graph."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.checking.finished_map import FinishedMap
from mapper.checking.revisits import Comparison
from mapper.core.sim3 import inverse_similarity, log_sim3, scale_of

FEWEST: Final = 5  # comparisons from which a trend of the scale is told


@dataclass(frozen=True, slots=True)
class Drift:
    """step: units, root mean square by which the map moved a keyframe from where the frontend had
    it in the one before. leverage: by how much an error of a step is multiplied in the whole, as
    the edges tie the keyframes: the root of the mean resistance of the graph. scale: root mean
    square of the logarithm by which views that see the same differ in scale."""

    step: float
    leverage: float
    scale: float


def measure_drift(each: FinishedMap, pairs: Sequence[Comparison]) -> Drift:
    """pairs: what was compared anew."""
    logs = [pair.log_scale for pair in pairs]
    scale = float(np.sqrt(np.mean(np.square(logs)))) if len(logs) >= FEWEST else 0.0
    return Drift(_step(each), leverage(_ends(each), len(each.order)), scale)


def leverage(ends: Sequence[tuple[int, int]], count: int) -> float:
    """Of errors of deviation 1 of each edge, the root mean square that positions have, the whole
    being put where it fits best. ends: numbers below `count`, which they connect.

    The covariance of positions is the Laplacian's pseudoinverse; its trace is Kirchhoff's index.
    """
    laplacian = np.zeros((count, count))
    for i, j in ends:
        laplacian[[i, j], [i, j]] += 1.0
        laplacian[i, j] -= 1.0
        laplacian[j, i] -= 1.0
    values = np.linalg.eigvalsh(laplacian)[1:]
    return float(np.sqrt((1.0 / np.maximum(values, 1e-9)).sum() / count))


def _ends(each: FinishedMap) -> list[tuple[int, int]]:
    """Of the edges, each pair once; keyframes that follow each other are tied whatever happens."""
    number = each.order
    tied = {(number[e.i], number[e.j]) for e in each.edges}
    return sorted(tied | set(itertools.pairwise(range(len(number)))))


def _step(each: FinishedMap) -> float:
    """At the median depth, so that turns count too."""
    poses = each.saved.fused_poses
    squares = []
    for (i, _), (j, later) in itertools.pairwise(each.keyframes.items()):
        if later.T_previous_keyframe is None or j != i + 1:
            continue
        moved = inverse_similarity(later.T_previous_keyframe) @ inverse_similarity(poses[i])
        moved = moved @ poses[j]
        unit = float(scale_of(poses[i]))
        shift, twist = np.linalg.norm(moved[:3, 3]), log_sim3(moved)
        turn = np.linalg.norm(twist[:3]) * later.median_depth
        squares.append(unit**2 * (shift**2 + turn**2))
    return float(np.sqrt(np.mean(squares))) if squares else 0.0
