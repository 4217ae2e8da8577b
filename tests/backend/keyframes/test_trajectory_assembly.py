"""Frames follow their keyframes, and corrections are spread without a step."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.trajectory_assembly import assemble_trajectory
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import similarity
from mapper.vision.local_features import LocalFeatures

CAMERA = Intrinsics(60, 60, 39.5, 29.5, 80, 60)
NO_FEATURES = LocalFeatures(
    np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), np.zeros((0, 3), np.float32)
)


def at(x: float, degrees: float = 0.0) -> np.ndarray:
    R = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return pose(R, np.array([x, 0, 0]))


def stretch(
    keyframe_id: int, x: float, times: list[float], step: float = 0.25, segment: int = 0
) -> Keyframe:
    """A keyframe at x of the odometry, which is how far it is from the one before; its frames go
    on from it by `step` each."""
    frames = [
        TrackedFrame(10 * keyframe_id + k, time, at(step * k)) for k, time in enumerate(times)
    ]
    keyframe = Keyframe(keyframe_id, segment, at(x), NO_FEATURES, CAMERA, frames)
    if segment == 0 and keyframe_id:
        keyframe.T_previous_keyframe = at(x)
    return keyframe


def test_frames_follow_their_keyframe() -> None:
    moved = pose(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([5.0, 0, 0]))
    indices, trajectory = assemble_trajectory([stretch(3, 0, [7.0, 7.5])], {3: moved})
    np.testing.assert_array_equal(indices, [30, 31])
    np.testing.assert_array_equal(trajectory.timestamps, [7.0, 7.5])
    np.testing.assert_allclose(trajectory.positions, [[5.0, 0, 0], [5.0, 0.25, 0]], atol=1e-12)


def test_without_a_correction_the_odometry_stays() -> None:
    keyframes = [stretch(0, 0, [0, 1, 2, 3]), stretch(1, 1, [4, 5])]
    _, trajectory = assemble_trajectory(keyframes, {0: at(0), 1: at(1)})
    np.testing.assert_allclose(
        trajectory.positions[:, 0], [0, 0.25, 0.5, 0.75, 1, 1.25], atol=1e-12
    )


def test_a_correction_is_spread_in_proportion_to_time() -> None:
    # The graph puts keyframe 1 at 1.4 instead of 1.0: 0.1 m for each second.
    keyframes = [stretch(0, 0, [0, 1, 3]), stretch(1, 1, [4])]
    _, trajectory = assemble_trajectory(keyframes, {0: at(0), 1: at(1.4)})
    np.testing.assert_allclose(trajectory.positions[:, 0], [0, 0.35, 0.8, 1.4], atol=1e-12)


def test_a_turn_is_spread_too() -> None:
    keyframes = [stretch(0, 0, [0, 1, 2], step=0.0), stretch(1, 0, [4])]
    _, trajectory = assemble_trajectory(keyframes, {0: at(0), 1: at(0, 40)})
    degrees = Rotation.from_matrix(trajectory.T_world_camera[:, :3, :3]).as_euler("zyx")[:, 0]
    np.testing.assert_allclose(np.degrees(degrees), [0, 10, 20, 40], atol=1e-9)


def test_nothing_is_spread_behind_the_last_keyframe_or_into_another_segment() -> None:
    keyframes = [stretch(0, 0, [0, 1]), stretch(1, 1, [2, 3], segment=1)]
    _, trajectory = assemble_trajectory(keyframes, {0: at(0), 1: at(9)})
    np.testing.assert_allclose(trajectory.positions[:, 0], [0, 0.25, 9, 9.25], atol=1e-12)


def test_keyframes_at_the_same_time_do_not_divide_by_nothing() -> None:
    keyframes = [stretch(0, 0, [2.0]), stretch(1, 1, [2.0])]
    _, trajectory = assemble_trajectory(keyframes, {0: at(0), 1: at(3)})
    np.testing.assert_allclose(trajectory.positions[:, 0], [0, 3])


def test_hung_frames_follow_the_scale_of_their_keyframe() -> None:
    keyframes = [stretch(0, 0, [0.0, 1.0, 2.0])]
    turned = pose(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([5.0, 0, 0]))
    _, trajectory = assemble_trajectory(keyframes, {0: similarity(3.0, turned)})
    np.testing.assert_allclose(
        trajectory.positions, [[5.0, 0, 0], [5.0, 0.75, 0], [5.0, 1.5, 0]], atol=1e-12
    )
    np.testing.assert_allclose(  # cameras have no scale of their own
        trajectory.T_world_camera[:, :3, :3], np.tile(turned[:3, :3], (3, 1, 1)), atol=1e-12
    )


def test_a_common_scale_of_both_keyframes_scales_the_way_between_them() -> None:
    keyframes = [stretch(0, 0, [0, 1, 2, 3]), stretch(1, 1, [4, 5])]
    poses = {0: similarity(2.0, at(0)), 1: similarity(2.0, at(2))}
    _, trajectory = assemble_trajectory(keyframes, poses)
    np.testing.assert_allclose(trajectory.positions[:, 0], [0, 0.5, 1, 1.5, 2, 2.5], atol=1e-12)


def test_a_change_of_scale_between_keyframes_is_spread_too() -> None:
    # The second is twice the first, where the odometry would have it: no step where they meet.
    keyframes = [stretch(0, 0, [0, 1, 2, 3]), stretch(1, 1, [4, 5])]
    _, trajectory = assemble_trajectory(keyframes, {0: at(0), 1: similarity(2.0, at(1))})
    x = trajectory.positions[:, 0]
    # The correction is x -> 2 x - 1, which leaves 1 alone; half of it scales by sqrt(2) about 1.
    assert x[2] == pytest.approx(1 - 0.5 * np.sqrt(2), abs=1e-9)
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(x[4:], [1.0, 1.5], atol=1e-12)


def test_no_keyframes_make_an_empty_trajectory() -> None:
    indices, trajectory = assemble_trajectory([], {})
    assert len(indices) == len(trajectory) == 0
    assert trajectory.T_world_camera.shape == (0, 4, 4)
