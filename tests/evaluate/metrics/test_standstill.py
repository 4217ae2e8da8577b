"""A camera that stands still is judged by its spread and its drift, against values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.core.geometry import pose
from mapper.core.trajectory import Trajectory
from mapper.errors import InputError
from mapper.evaluate.metrics.standstill import Standstill, judge
from mapper.evaluate.metrics.trajectory import Evaluation

COUNT = 8
TRIPOD = pose(Rotation.from_rotvec([0.3, -0.2, 0.9]).as_matrix(), np.array([2.0, -1.0, 0.5]))
UNKNOWN_WORLD = pose(Rotation.from_rotvec([0.0, 1.1, 0.2]).as_matrix(), np.array([0.4, 5.0, 3.0]))


def trajectory(T_world_camera: np.ndarray) -> Trajectory:
    return Trajectory(0.1 * np.arange(len(T_world_camera)), T_world_camera)


def standing(count: int = COUNT) -> np.ndarray:
    return np.tile(TRIPOD, (count, 1, 1))


def still(estimate: np.ndarray, truth: np.ndarray) -> Standstill:
    found = judge(trajectory(estimate), trajectory(truth))
    assert isinstance(found, Standstill)
    return found


def test_an_estimate_as_still_as_the_camera_has_no_error_in_any_world() -> None:
    found = still(UNKNOWN_WORLD @ standing(), standing())
    errors = list(found.to_dict().values())[:6]
    assert errors == pytest.approx([0.0] * 6, abs=1e-9)
    assert (found.matched_poses, found.rpe_pairs, found.coverage) == (COUNT, COUNT - 1, 1.0)


def test_a_tremble_is_the_spread_and_twice_of_it_each_step() -> None:
    """Positions 2 cm to either side in turn: root mean square 2 cm, each step off by 4 cm."""
    estimate = standing()
    estimate[:, :3, 3] += np.outer((-1.0) ** np.arange(COUNT), [0.0, 0.02, 0.0])
    found = still(UNKNOWN_WORLD @ estimate, standing())
    assert found.spread_translation == pytest.approx(0.02)
    assert found.rpe_translation_rmse == pytest.approx(0.04)
    assert found.drift_translation == pytest.approx(0.04)  # an odd number of steps
    assert found.spread_rotation_deg == pytest.approx(0.0, abs=1e-6)


def test_a_slow_turn_is_drift_and_half_of_that_apart() -> None:
    """Half of the frames 3 degrees turned: 1.5 degrees from their mean; the end is 3 off."""
    estimate = standing()
    turn = pose(Rotation.from_rotvec([0.0, 0.0, np.radians(3)]).as_matrix(), np.zeros(3))
    estimate[COUNT // 2 :] = estimate[COUNT // 2 :] @ turn
    found = still(UNKNOWN_WORLD @ estimate, standing())
    assert found.spread_rotation_deg == pytest.approx(1.5, rel=1e-3)
    assert found.drift_rotation_deg == pytest.approx(3.0)
    assert found.drift_translation == pytest.approx(0.0, abs=1e-9)


def test_a_camera_that_turns_on_the_spot_is_judged_by_the_turns_that_it_made() -> None:
    truth = standing()
    truth[:, :3, :3] = Rotation.from_rotvec(
        np.outer(np.linspace(0, 2, COUNT), [0, 1, 0])
    ).as_matrix()
    assert still(UNKNOWN_WORLD @ truth, truth).spread_rotation_deg == pytest.approx(0.0, abs=1e-6)
    assert still(standing(), truth).spread_rotation_deg > 20


def test_what_motion_capture_trembles_by_is_no_motion_and_a_swaying_hand_is() -> None:
    rng = np.random.default_rng(0)
    noisy, swaying = standing(100), standing(100)
    noisy[:, :3, 3] += rng.normal(0, 3e-4, (100, 3))
    swaying[:, :3, 3] += 5e-3 * np.stack(
        [np.sin(np.arange(100) / 9), np.cos(np.arange(100) / 7), np.zeros(100)], axis=1
    )
    assert isinstance(judge(trajectory(standing(100)), trajectory(noisy)), Standstill)
    assert isinstance(judge(trajectory(swaying), trajectory(swaying)), Evaluation)


def test_a_run_that_placed_nothing_is_refused_here_too() -> None:
    empty = Trajectory(np.zeros(0), np.zeros((0, 4, 4)))
    with pytest.raises(InputError, match="0 poses"):
        judge(empty, trajectory(standing()))
    with pytest.raises(InputError, match="only 3 frames"):
        judge(trajectory(standing()), trajectory(standing()), expected_frames=3)
