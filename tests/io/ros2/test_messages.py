"""What is sent, written by the real definitions and read back, is what was meant."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import exp_se3, pose_from_quaternion_xyzw
from mapper.io.ros2.library import load_ros2
from mapper.io.ros2.messages import (
    cloud_message,
    grid_message,
    odometry_message,
    path_message,
    transform_message,
)
from mapper.io.ros2.odometry import PlacedFrame

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

from tests.support.ros2.definitions import sent
from tests.support.ros2.stand_in import install

STAMP = 1_700_000_000_123_456_789  # has no room in a float64 of seconds
T = exp_se3(np.array([0.1, -0.2, 0.3, 1.0, 2.0, 3.0]))


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch)
    return load_ros2()


def matrix(translation, rotation) -> np.ndarray:
    xyzw = np.array([[rotation.x, rotation.y, rotation.z, rotation.w]])
    place = np.array([[translation.x, translation.y, translation.z]])
    return pose_from_quaternion_xyzw(xyzw, place)[0]


def nanoseconds(header) -> int:
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def test_a_transform_bears_the_stamp_of_its_image_to_the_nanosecond(ros) -> None:
    got = sent(transform_message(ros, STAMP, ("map", "odom"), T))
    assert nanoseconds(got.header) == STAMP
    assert (got.header.frame_id, got.child_frame_id) == ("map", "odom")
    np.testing.assert_allclose(matrix(got.transform.translation, got.transform.rotation), T)


def test_odometry_has_pose_and_velocity_with_their_covariances(ros) -> None:
    covariance = np.arange(36.0).reshape(6, 6)
    placed = PlacedFrame(STAMP, np.eye(4), T, covariance, np.arange(6.0), 2 * covariance)
    got = sent(odometry_message(ros, placed, ("odom", "base_link")))
    assert (got.header.frame_id, got.child_frame_id) == ("odom", "base_link")
    np.testing.assert_allclose(matrix(got.pose.pose.position, got.pose.pose.orientation), T)
    np.testing.assert_array_equal(got.pose.covariance, np.arange(36.0))
    np.testing.assert_array_equal(got.twist.covariance, 2 * np.arange(36.0))
    linear, angular = got.twist.twist.linear, got.twist.twist.angular
    assert (linear.x, linear.y, linear.z) == (0, 1, 2)
    assert (angular.x, angular.y, angular.z) == (3, 4, 5)


def test_a_path_has_a_stamp_for_each_pose(ros) -> None:
    got = sent(path_message(ros, "map", STAMP, [(STAMP - 5, np.eye(4)), (STAMP, T)]))
    assert [nanoseconds(p.header) for p in got.poses] == [STAMP - 5, STAMP]
    assert {p.header.frame_id for p in got.poses} == {"map"}
    last = got.poses[1].pose
    np.testing.assert_allclose(matrix(last.position, last.orientation), T)


def test_a_cloud_is_read_by_its_own_fields(ros) -> None:
    points = np.array([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]], np.float32)
    colors = np.array([[255, 128, 1], [0, 2, 250]], np.uint8)
    got = sent(cloud_message(ros, "map", STAMP, points, colors))
    raw = np.frombuffer(got.data.tobytes(), np.uint8).reshape(got.width, got.point_step)
    assert got.row_step == got.point_step * got.width and got.height == 1

    def column(name: str, dtype: str) -> np.ndarray:
        field = next(f for f in got.fields if f.name == name)
        assert (field.datatype, field.count) == (got.fields[0].FLOAT32, 1)
        return raw[:, field.offset : field.offset + 4].copy().view(dtype)[:, 0]

    np.testing.assert_array_equal(np.stack([column(n, "<f4") for n in "xyz"], 1), points)
    packed = column("rgb", "<u4")  # as PCL and RViz take it apart
    rgb = np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], 1)
    np.testing.assert_array_equal(rgb, colors)


def test_an_empty_cloud_can_be_sent(ros) -> None:
    nothing = np.empty((0, 3), np.float32)
    assert sent(cloud_message(ros, "map", STAMP, nothing, nothing.astype(np.uint8))).width == 0


def test_a_grid_is_row_by_row_from_its_corner(ros) -> None:
    cells = np.array([[-1, 0, 100], [100, -1, 0]], np.int8)
    got = sent(grid_message(ros, "map", STAMP, cells, T, 0.05))
    assert (got.info.width, got.info.height) == (3, 2)
    assert got.info.resolution == pytest.approx(0.05)
    assert list(got.data) == [-1, 0, 100, 100, -1, 0]
    np.testing.assert_allclose(matrix(got.info.origin.position, got.info.origin.orientation), T)


def test_the_stand_in_refuses_what_rclpy_would(ros) -> None:
    with pytest.raises(AssertionError, match="must be float"):
        ros.geometry.Point(x=1)
    with pytest.raises(AssertionError, match="no field"):
        ros.geometry.Point(w=1.0)
    with pytest.raises(AssertionError, match="uint32"):
        ros.builtin.Time(sec=0, nanosec=-1)
