"""How far an estimated trajectory is from the true one: ATE and RPE, computed by evo.

`evaluate` is of a run, matched by time; `pose_errors` is of a benchmark, as the papers report it.
standstill.py judges a camera that does not move.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mapper.core.trajectory import MATCH_SECONDS, Trajectory
from mapper.errors import InputError
from mapper.evaluate.metrics.figures import Figures

if TYPE_CHECKING:
    from evo.core.trajectory import PoseTrajectory3D

MIN_POSES: Final = 3  # fewer fix no alignment
MIN_EXTENT: Final = 1e-6  # metres: standard deviation of positions, below which nothing moved
RANK_TOLERANCE: Final = 1e-9  # second to first singular value, below which a path is a line


@dataclass(frozen=True, slots=True)
class AbsoluteError:
    """Absolute trajectory error (ATE): distances of matched camera centres after alignment.

    In the reference's unit (metres). scale multiplies the estimate; 1 in an SE(3) alignment.
    """

    rmse: float
    mean: float
    median: float
    max: float
    scale: float


@dataclass(frozen=True, slots=True)
class Evaluation(Figures):
    """Errors of an estimate against a reference.

    ate_se3, ate_sim3: after the best rigid, and the best similarity, alignment.
    rpe_translation_rmse (metres) and rpe_rotation_rmse_deg: relative pose error between
    consecutive matched poses (across gaps, where frames were lost), at the estimate's own scale, or
    where that is arbitrary at the one that fits best.
    rpe_pairs: how many of those. coverage: matched_poses / expected_poses.
    """

    ate_se3: AbsoluteError
    ate_sim3: AbsoluteError
    rpe_translation_rmse: float
    rpe_rotation_rmse_deg: float
    rpe_pairs: int
    matched_poses: int
    expected_poses: int
    coverage: float


@dataclass(frozen=True, slots=True)
class PoseErrors(Figures):
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


def evaluate(
    estimate: Trajectory,
    reference: Trajectory,
    *,
    expected_frames: int | None = None,
    max_time_difference: float = MATCH_SECONDS,
    is_metric: bool = True,
) -> Evaluation:
    """Compare poses whose timestamps differ by at most max_time_difference (seconds).

    is_metric: the estimate is in metres; else its scale is arbitrary.
    expected_frames: the frames that should have got a pose; the estimate's length if not given.
    Raises InputError where there is nothing to compare: a failed run never counts as error zero.
    """
    estimated, true = matched_trajectories(estimate, reference, max_time_difference)
    matched = estimated.num_poses
    _check_motion(estimated.positions_xyz, "estimate")
    _check_motion(true.positions_xyz, "reference")
    expected = expected_poses(estimate, matched, expected_frames)
    scaled = estimated if is_metric else _aligned(estimated, true, with_scale=True)[0]
    translation, rotation = relative_errors(scaled, true)
    return Evaluation(
        _absolute_error(estimated, true, with_scale=False),
        _absolute_error(estimated, true, with_scale=True),
        translation,
        rotation,
        matched - 1,
        matched,
        expected,
        matched / expected,
    )


def expected_poses(estimate: Trajectory, matched: int, frames: int | None) -> int:
    """How many poses there should be: `frames`, else the estimate's; InputError if more match."""
    expected = len(estimate) if frames is None else frames
    if expected < matched:
        raise InputError(
            f"{matched} poses match but only {expected} frames were expected; "
            "give the number of frames of the whole sequence"
        )
    return expected


def pose_errors(
    estimate: np.ndarray, reference: np.ndarray, timestamps: np.ndarray, with_scale: bool
) -> PoseErrors:
    """Errors of T_world_camera estimate (N, 4, 4) against reference (N, 4, 4), paired by index.

    with_scale: align by a similarity, Sim(3), rather than rigidly, SE(3). RPE over 1 frame, all
    pairs. Source: specs of CUT3R's evaluation, section A. Raises InputError where evo cannot align.
    """
    if len(estimate) < MIN_POSES:
        raise InputError(f"{len(estimate)} poses to compare, at least {MIN_POSES} are needed")
    estimated = _evo_trajectory(Trajectory(timestamps, estimate))
    true = _evo_trajectory(Trajectory(timestamps, reference))
    similar, best_scale = _aligned(estimated, true, with_scale=True)
    aligned, scale = similar, best_scale
    if not with_scale:
        aligned, scale = _aligned(estimated, true, with_scale=False)
    translation, rotation = relative_errors(aligned, true)
    ate, ate_sim3 = (_position_errors(each, true)["rmse"] for each in (aligned, similar))
    errors = ate, ate_sim3, translation, rotation
    return PoseErrors(*errors, scale, 1 / best_scale - 1, len(estimate))


def matched_trajectories(
    estimate: Trajectory, reference: Trajectory, max_time_difference: float
) -> tuple[PoseTrajectory3D, PoseTrajectory3D]:
    """Both trajectories, reduced to the poses that belong together."""
    from evo.core import sync

    for name, trajectory in (("estimate", estimate), ("reference", reference)):
        _check_poses(trajectory, name)
    try:
        true, estimated = sync.associate_trajectories(
            _evo_trajectory(reference),
            _evo_trajectory(estimate),
            max_diff=max_time_difference,
        )
    except sync.SyncException:
        matched = 0
    else:
        matched = estimated.num_poses
    if matched < MIN_POSES:
        raise InputError(
            f"{matched} poses match in time (within {max_time_difference} s), "
            f"at least {MIN_POSES} are needed: estimate covers {_span(estimate)}, "
            f"reference {_span(reference)}; check that both use the same clock"
        )
    return estimated, true


def _check_poses(trajectory: Trajectory, name: str) -> None:
    if len(trajectory) < MIN_POSES:
        raise InputError(
            f"the {name} has {len(trajectory)} poses, at least {MIN_POSES} are needed; "
            "did the run fail?"
        )
    if not np.isfinite(trajectory.T_world_camera).all():
        bad = int(np.argmin(np.isfinite(trajectory.T_world_camera).all(axis=(1, 2))))
        raise InputError(f"the {name}'s pose {bad} is not finite; leave lost frames out")
    if not (np.diff(trajectory.timestamps) > 0).all():
        bad = int(np.argmin(np.diff(trajectory.timestamps) > 0)) + 1
        raise InputError(f"the {name}'s timestamps do not increase at pose {bad}; sort them")


def _span(trajectory: Trajectory) -> str:
    return f"{trajectory.timestamps[0]:.3f} to {trajectory.timestamps[-1]:.3f} s"


def _evo_trajectory(trajectory: Trajectory) -> PoseTrajectory3D:
    from evo.core.trajectory import PoseTrajectory3D

    return PoseTrajectory3D(
        poses_se3=list(trajectory.T_world_camera.copy()), timestamps=trajectory.timestamps.copy()
    )


def _check_motion(positions: np.ndarray, name: str) -> None:
    """An alignment needs positions (N, 3) that differ, and not along one line only."""
    spread = np.linalg.svd(positions - positions.mean(0), compute_uv=False)
    if spread[0] / np.sqrt(len(positions)) < MIN_EXTENT:
        raise InputError(
            f"the {name} does not move (positions differ by less than {MIN_EXTENT} m), "
            "so it cannot be aligned; use a sequence with motion"
        )
    if spread[1] < RANK_TOLERANCE * spread[0]:
        raise InputError(
            f"the {name} moves along an exact line, which leaves the turn about it open, "
            "so it cannot be aligned; use a sequence with a curved path"
        )


def _absolute_error(
    estimated: PoseTrajectory3D, true: PoseTrajectory3D, with_scale: bool
) -> AbsoluteError:
    aligned, scale = _aligned(estimated, true, with_scale)
    numbers = _position_errors(aligned, true)
    return AbsoluteError(numbers["rmse"], numbers["mean"], numbers["median"], numbers["max"], scale)


def _aligned(
    estimated: PoseTrajectory3D, true: PoseTrajectory3D, with_scale: bool
) -> tuple[PoseTrajectory3D, float]:
    """A copy of the estimate, aligned by least squares, and what its positions were scaled by."""
    from evo.core.geometry import GeometryException

    aligned = deepcopy(estimated)
    try:
        _, _, scale = aligned.align(true, correct_scale=with_scale)
    except (GeometryException, np.linalg.LinAlgError) as error:
        raise InputError(
            f"estimate and reference cannot be aligned ({error}): one of them hardly moves, or "
            "along a line only; use a sequence with a curved path"
        ) from error
    if not scale > 0 or not np.isfinite(scale):
        raise InputError("the estimate has no extent, so no scale aligns it")
    return aligned, float(scale)


def _position_errors(estimated: PoseTrajectory3D, true: PoseTrajectory3D) -> dict[str, float]:
    """Statistics of the distances between camera centres, by evo's names."""
    from evo.core import metrics

    ape = metrics.APE(metrics.PoseRelation.translation_part)
    ape.process_data((true, estimated))
    return {name: float(value) for name, value in ape.get_all_statistics().items()}


def relative_errors(estimated: PoseTrajectory3D, true: PoseTrajectory3D) -> tuple[float, float]:
    """RMSE of translation (metres) and rotation (degrees) from each matched pose to the next."""
    from evo.core import metrics

    results = []
    for relation in (
        metrics.PoseRelation.translation_part,
        metrics.PoseRelation.rotation_angle_deg,
    ):
        rpe = metrics.RPE(relation, delta=1, delta_unit=metrics.Unit.frames, all_pairs=True)
        rpe.process_data((true, estimated))
        results.append(float(rpe.get_statistic(metrics.StatisticsType.rmse)))
    return results[0], results[1]
