"""How steadily a camera was placed that stands still; `judge` for one that may or may not.

Positions that do not differ fix no alignment, so such a camera has no ATE. Its poses fix one: the
estimate is turned and moved as a whole to lie on the true poses, and what is left is spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse, orthonormalised
from mapper.core.trajectory import MATCH_SECONDS, Trajectory
from mapper.evaluate.metrics.figures import Figures
from mapper.evaluate.metrics.trajectory import (
    Evaluation,
    evaluate,
    expected_poses,
    matched_trajectories,
    relative_errors,
)

if TYPE_CHECKING:
    from jaxtyping import Float64

# Metres: standard deviation of true positions up to which a camera stands still. What motion
# capture trembles by; a hand that tries not to move sways by several times as much.
STILL: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Standstill(Figures):
    """Errors of a camera whose true positions do not differ; it may turn.

    spread_translation (metres) and spread_rotation_deg: root mean square of how far the poses are
    from the true ones, after the alignment of all poses that makes it least; both 0 where the
    estimate stands as still as the camera did. drift_translation (metres), drift_rotation_deg:
    error of the motion from the first matched pose to the last. The others: as of an Evaluation.
    """

    spread_translation: float
    spread_rotation_deg: float
    drift_translation: float
    drift_rotation_deg: float
    rpe_translation_rmse: float
    rpe_rotation_rmse_deg: float
    rpe_pairs: int
    matched_poses: int
    expected_poses: int
    coverage: float


def judge(
    estimate: Trajectory,
    reference: Trajectory,
    *,
    expected_frames: int | None = None,
    max_time_difference: float = MATCH_SECONDS,
    is_metric: bool = True,
) -> Evaluation | Standstill:
    """Errors of a run by what its camera did: see evaluate() for the arguments and the errors."""
    estimated, true = matched_trajectories(estimate, reference, max_time_difference)
    if not stands_still(true.positions_xyz):
        return evaluate(
            estimate,
            reference,
            expected_frames=expected_frames,
            max_time_difference=max_time_difference,
            is_metric=is_metric,
        )
    matched = estimated.num_poses
    expected = expected_poses(estimate, matched, expected_frames)
    T_estimated, T_true = (np.array(each.poses_se3) for each in (estimated, true))
    return Standstill(
        *_spread(T_estimated, T_true),
        *_drift(T_estimated, T_true),
        *relative_errors(estimated, true),
        matched - 1,
        matched,
        expected,
        matched / expected,
    )


def stands_still(positions: Float64[np.ndarray, "n 3"]) -> bool:
    """Whether true positions (N, 3), metres, differ by no more than their own noise."""
    return bool(np.sqrt(positions.var(axis=0).sum()) <= STILL)


def mean_transform(
    source: Float64[np.ndarray, "n 4 4"], target: Float64[np.ndarray, "n 4 4"]
) -> Float64[np.ndarray, "4 4"]:
    """T (4, 4) that lays poses (N, 4, 4) on others as a whole: target ~ T source, by what each pair
    says of it. Positions need not differ, as they must for an alignment of the positions alone."""
    return orthonormalised((target @ inverse(source)).mean(axis=0))


def _spread(T_estimated: np.ndarray, T_true: np.ndarray) -> tuple[float, float]:
    """(metres, degrees) of poses (N, 4, 4) about the true ones, by the mean transform between."""
    aligned = mean_transform(T_estimated, T_true) @ T_estimated
    off = aligned[:, :3, 3] - T_true[:, :3, 3]
    off -= off.mean(axis=0)
    angles = _angles_deg(inverse(T_true) @ aligned)
    return float(np.sqrt((off**2).sum(axis=1).mean())), float(np.sqrt((angles**2).mean()))


def _drift(T_estimated: np.ndarray, T_true: np.ndarray) -> tuple[float, float]:
    """(metres, degrees): error of the motion from the first pose to the last."""
    moved, truly = (inverse(T[0]) @ T[-1] for T in (T_estimated, T_true))
    error = inverse(truly) @ moved
    return float(np.linalg.norm(error[:3, 3])), float(_angles_deg(error[None])[0])


def _angles_deg(T: np.ndarray) -> np.ndarray:
    """Angles (N,) of the rotations of poses (N, 4, 4)."""
    return np.degrees(np.linalg.norm(Rotation.from_matrix(T[:, :3, :3]).as_rotvec(), axis=1))
