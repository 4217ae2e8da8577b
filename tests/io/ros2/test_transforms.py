"""Where the camera sits is found in /tf_static; where the map lies follows from it."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import exp_se3, inverse
from mapper.errors import InputError
from mapper.io.ros2.mounting import mounting_of
from mapper.io.ros2.transforms import NEAR_NS, OdometryTransforms, StaticTransforms

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

from tests.support.ros2.robot import OPTICAL, link, make

A = exp_se3(np.array([0.1, 0.2, 0.3, 1.0, 2.0, 3.0]))
B = exp_se3(np.array([-0.3, 0.1, 0.2, 0.5, -1.0, 0.2]))


def message(*links):
    return make("tf2_msgs/TFMessage", transforms=list(links))


def robot() -> StaticTransforms:
    static = StaticTransforms()
    static.take(message(link("base_link", "camera_link", A)))
    static.take(message(link("camera_link", OPTICAL, B), link("base_link", "lidar", A)))
    return static


def test_the_root_above_the_camera_is_what_moves() -> None:
    found = mounting_of(robot(), OPTICAL, "")
    assert found.base == "base_link" and found.is_level
    np.testing.assert_allclose(found.T_base_camera, A @ B, atol=1e-12)
    # The first camera is the world's origin, and the base then the map's.
    np.testing.assert_allclose(found.T_map_base(np.eye(4)), np.eye(4), atol=1e-12)


def test_another_base_can_be_named() -> None:
    found = mounting_of(robot(), OPTICAL, "camera_link")
    np.testing.assert_allclose(found.T_base_camera, B, atol=1e-12)
    with pytest.raises(InputError, match="does not tie base_footprint"):
        mounting_of(robot(), OPTICAL, "base_footprint")


def test_a_camera_that_hangs_on_nothing_moves_itself_along_a_body_axes() -> None:
    found = mounting_of(StaticTransforms(), OPTICAL, "")
    assert found.base == OPTICAL and not found.is_level
    ahead, left_of_it, above = np.eye(4), np.eye(4), np.eye(4)
    ahead[2, 3], left_of_it[0, 3], above[1, 3] = 1, -1, -1  # in the camera's axes
    for T, expected in ((ahead, (1, 0, 0)), (left_of_it, (0, 1, 0)), (above, (0, 0, 1))):
        np.testing.assert_allclose(found.T_map_base(T)[:3, 3], expected, atol=1e-12)


def test_frames_that_hang_in_a_circle_end_the_walk_up() -> None:
    static = StaticTransforms()
    static.take(message(link("a", "b", A), link("b", "a", A)))
    assert static.root_of("a") in ("a", "b")


def test_a_slash_before_a_name_says_nothing() -> None:
    static = StaticTransforms()
    static.take(message(link("/base_link", "/camera_link", A)))
    assert static.root_of("camera_link") == "base_link" and static.knows("base_link")
    assert not static.knows("lidar")


def test_the_odometry_of_another_node_is_that_of_the_nearest_time() -> None:
    odometry = OdometryTransforms("odom", "base_link")
    for stamp, T in ((10**9, A), (2 * 10**9, B)):
        odometry.take(message(link("odom", "base_link", T, stamp), link("odom", "x", A, stamp)))
    found = odometry.at(2 * 10**9 - NEAR_NS)
    assert found is not None
    np.testing.assert_allclose(found, B, atol=1e-12)
    assert odometry.at(15 * 10**8) is None
    assert OdometryTransforms("odom", "base_link").at(0) is None
    assert np.allclose(inverse(found) @ B, np.eye(4))
