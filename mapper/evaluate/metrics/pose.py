"""Trajectory errors as the papers report them, computed by evo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.errors import InputError

if TYPE_CHECKING:
    from evo.core.trajectory import PoseTrajectory3D

MIN_POSES: Final = 3  # fewer fix no alignment


@dataclass(frozen=True, slots=True)
class PoseErrors:
    """ate: RMSE of the camera centres' distances (metres) after the alignment. ate_sim3: the same
    after the best similarity.

    rpe_translation (metres), rpe_rotation_deg: RMSE of the motion from each pose to the next, after
    the same alignment. scale: what the alignment multiplied the estimate by (1 without scale).
    scale_error: the relative error of the estimate's own scale, 1 / (best scale) - 1.
    poses: how many were compared.
    """

    ate: float
    ate_sim3: float
    rpe_translation: float
    rpe_rotation_deg: float
    scale: float
    scale_error: float
    poses: int

    def to_dict(self) -> dict[str, float]:
        """Its fields by name."""
        return asdict(self)


def pose_errors(
    estimate: np.ndarray, reference: np.ndarray, timestamps: np.ndarray, with_scale: bool
) -> PoseErrors:
    """Errors of T_world_camera estimate (N, 4, 4) against reference (N, 4, 4), paired by index.

    with_scale: align by a similarity, Sim(3), rather than rigidly, SE(3). RPE over 1 frame, all
    pairs. Source: specs of CUT3R's evaluation, section A. Raises InputError where evo cannot align.
    """
    if len(estimate) < MIN_POSES:
        raise InputError(f"{len(estimate)} poses to compare, at least {MIN_POSES} are needed")
    true = _trajectory(reference, timestamps)
    similar, best_scale = _aligned(_trajectory(estimate, timestamps), true, with_scale=True)
    aligned, scale = similar, best_scale
    if not with_scale:
        aligned, scale = _aligned(_trajectory(estimate, timestamps), true, with_scale=False)
    translation, rotation = _motion_errors(aligned, true)
    errors = _position_error(aligned, true), _position_error(similar, true), translation, rotation
    return PoseErrors(*errors, scale, 1 / best_scale - 1, len(estimate))


def _trajectory(T_world_camera: np.ndarray, timestamps: np.ndarray) -> PoseTrajectory3D:
    from evo.core.trajectory import PoseTrajectory3D

    return PoseTrajectory3D(poses_se3=list(T_world_camera.copy()), timestamps=timestamps.copy())


def _aligned(
    estimate: PoseTrajectory3D, true: PoseTrajectory3D, with_scale: bool
) -> tuple[PoseTrajectory3D, float]:
    from evo.core.geometry import GeometryException

    try:
        _, _, scale = estimate.align(true, correct_scale=with_scale)
    except (GeometryException, np.linalg.LinAlgError) as error:
        raise InputError(
            f"estimate and ground truth cannot be aligned ({error}): one of them hardly moves, or "
            "along a line only"
        ) from error
    if not scale > 0 or not np.isfinite(scale):
        raise InputError("the estimate has no extent, so no scale aligns it")
    return estimate, float(scale)


def _position_error(estimate: PoseTrajectory3D, true: PoseTrajectory3D) -> float:
    from evo.core.metrics import APE, PoseRelation, StatisticsType

    metric = APE(PoseRelation.translation_part)
    metric.process_data((true, estimate))
    return float(metric.get_statistic(StatisticsType.rmse))


def _motion_errors(estimate: PoseTrajectory3D, true: PoseTrajectory3D) -> tuple[float, float]:
    """RMSE of translation and of rotation (degrees) from each pose to the next."""
    from evo.core.metrics import RPE, PoseRelation, StatisticsType, Unit

    results = []
    for relation in (PoseRelation.translation_part, PoseRelation.rotation_angle_deg):
        metric = RPE(relation, 1, Unit.frames, all_pairs=True)
        metric.process_data((true, estimate))
        results.append(float(metric.get_statistic(StatisticsType.rmse)))
    return results[0], results[1]
