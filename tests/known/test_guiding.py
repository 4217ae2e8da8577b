"""What a frontend is told before the first frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.backend.priors.knowledge import Knowledge
from mapper.core.pose_readings import PoseReadings
from mapper.known.guiding import known_poses
from tests.support.captures import true_poses

T = true_poses()
READINGS = PoseReadings(
    "phone", np.arange(len(T)) / 3, T[:, :3, 3], T[:, :3, :3], np.full(len(T), 0.05), 1.0
)


def test_whole_poses_in_metres_are_handed_on() -> None:
    without = replace(READINGS, rotations=None)
    found = known_poses(Knowledge((without, READINGS)))
    assert found is not None
    np.testing.assert_array_equal(found.timestamps, READINGS.times)
    np.testing.assert_allclose(found.T_world_camera, T)


def test_what_has_no_unit_or_no_clock_yet_is_not() -> None:
    for other in (
        replace(READINGS, is_metric=False),
        replace(READINGS, positions=None),
        replace(READINGS, clock_s=30.0),
    ):
        assert known_poses(Knowledge((other,))) is None
    assert known_poses(Knowledge()) is None
