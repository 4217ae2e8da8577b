"""By how much the map had to mend what the frontend said of single steps, and how scales differ."""

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
    it in the one before. scale: root mean square of the logarithm by which views that see the same
    differ in scale."""

    step: float
    scale: float


def measure_drift(each: FinishedMap, pairs: Sequence[Comparison]) -> Drift:
    """pairs: what was compared anew."""
    logs = [pair.log_scale for pair in pairs]
    scale = float(np.sqrt(np.mean(np.square(logs)))) if len(logs) >= FEWEST else 0.0
    return Drift(_step(each), scale)


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
