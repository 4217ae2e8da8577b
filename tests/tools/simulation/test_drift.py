"""Simulated drift and segments: what the poses say, and where the world breaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulation.config import DriftConfig, SimulationConfig
from simulation.drift import simulate_drift
from simulation.segments import split_into_segments
from simulation.simulator import drift_for_error, filled, raw_error, simulated_segments

from mapper.core.geometry import inverse
from mapper.errors import ConfigError
from tests.support.room_views import Room, distance

STILL = DriftConfig(0.0, 0.0, 0.0)


def test_without_drift_the_poses_are_the_true_ones_from_the_first(room: Room) -> None:
    drift = simulate_drift(room.poses, STILL, 0)
    expected = inverse(room.poses[3]) @ room.poses[[3, 4, 9, 30]]
    np.testing.assert_allclose(drift.poses([3, 4, 9, 30]), expected, atol=1e-9)
    scaled = drift.poses([3, 30], 2.5)[1]
    np.testing.assert_allclose(scaled[:3, 3], 2.5 * expected[3, :3, 3], atol=1e-9)


def test_a_drift_of_scale_alone_stretches_each_motion(room: Room) -> None:
    drift = simulate_drift(room.poses, DriftConfig(0.0, 0.0, 0.01, 5.0), 1)
    assert drift.scale[0] == 1
    assert np.abs(np.log(drift.scale)).max() > 0.02
    for i in (1, 100, 239):
        true = room.relative(i - 1, i)
        motion = drift.T_previous_frame[i]
        np.testing.assert_allclose(motion[:3, :3], true[:3, :3], atol=1e-12)
        np.testing.assert_allclose(motion[:3, 3], drift.scale[i] * true[:3, 3], atol=1e-12)


def test_errors_of_the_motions_have_their_size() -> None:
    poses = np.tile(np.eye(4), (3000, 1, 1))
    motion = simulate_drift(poses, DriftConfig(0.2, 0.004, 0.0, 4.0), 0).T_previous_frame[1:]
    assert motion[:, :3, 3].std(0) == pytest.approx(0.004, rel=0.15)
    angles = [distance(T, np.eye(4))[1] for T in motion]
    assert np.sqrt(np.mean(np.square(angles))) == pytest.approx(0.2 * 3**0.5, rel=0.1)


def test_frames_left_out_change_no_pose(room: Room) -> None:
    """Drift goes on while the model is lost."""
    drift = simulate_drift(room.poses, DriftConfig(), 2)
    every = drift.poses(list(range(40)))
    np.testing.assert_allclose(drift.poses([0, 1, 30, 39]), every[[0, 1, 30, 39]], atol=1e-12)


def test_seeds_differ_and_repeat(room: Room) -> None:
    a, b, again = (simulate_drift(room.poses, DriftConfig(), seed).scale for seed in (0, 1, 0))
    assert np.array_equal(a, again) and not np.allclose(a, b)


def test_segments_share_one_frame() -> None:
    config = SimulationConfig(reset_every=4)
    segments = split_into_segments(list(range(10)), config)
    assert [s.frames for s in segments] == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [9]]
    assert [s.id for s in segments] == [0, 1, 2, 3]
    assert segments[0].scale == 1
    assert all(0.4 <= s.scale <= 2.5 and s.scale != 1 for s in segments[1:])
    metric = split_into_segments(list(range(10)), replace(config, metric=True))
    assert [s.scale for s in metric] == [1, 1, 1, 1]


def test_without_resets_there_is_one_segment() -> None:
    assert [s.frames for s in split_into_segments([2, 5], SimulationConfig())] == [[2, 5]]


def test_frames_that_are_lost_or_without_pose_are_left_out() -> None:
    poses = np.tile(np.eye(4), (8, 1, 1))
    poses[1] = np.nan
    config = SimulationConfig(lost=((3, 2), (7, 5)), reset_every=3)
    assert [s.frames for s in simulated_segments(poses, config)] == [[0, 2, 5], [5, 6]]


def test_unknown_poses_repeat_the_last_known() -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = range(5)
    poses[[0, 3]] = np.nan
    assert filled(poses)[:, 0, 3].tolist() == [1, 1, 2, 2, 4]


def test_the_drift_meets_the_asked_error(room: Room) -> None:
    times = np.arange(len(room.poses)) / 30
    config = SimulationConfig(seed=4)
    tuned = drift_for_error(times, room.poses, config, 0.15)
    assert raw_error(times, room.poses, tuned) == pytest.approx(0.15, rel=1e-3)
    ratio = tuned.drift.rotation_deg / config.drift.rotation_deg
    assert tuned.drift.translation == pytest.approx(ratio * config.drift.translation)
    assert raw_error(times, room.poses, replace(config, drift=STILL)) < 1e-9


def test_no_error_to_scale_is_reported(room: Room) -> None:
    times = np.arange(len(room.poses)) / 30
    with pytest.raises(ConfigError, match="raw ATE"):
        drift_for_error(times, room.poses, SimulationConfig(drift=STILL), 0.1)
    with pytest.raises(ConfigError, match="raw ATE"):
        drift_for_error(times, room.poses, SimulationConfig(), 50.0)
