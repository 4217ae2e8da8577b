"""The whole node: images of topics become a run directory, and the robot hears where it is."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mapper.cli import main
from mapper.core.geometry import exp_se3, inverse, pose_from_quaternion_xyzw
from mapper.io.ros2 import source
from mapper.io.trajectory_files import read_tum

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

from tests.support.room_views import Room
from tests.support.ros2.robot import OPTICAL, SECOND, Robot, acting, camera_info, image, link, make
from tests.support.ros2.stand_in import Graph, install

START = 1_700_000_000 * SECOND + 123_456_789
STEP = SECOND // 30
COUNT = 16
T_BASE_CAMERA = exp_se3(np.array([0.0, 0.0, 0.0, 0.2, 0.1, 0.5])) @ np.array(
    [[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]
)
REMAPS = ["-r", "image:=/cam/image_raw", "-r", "depth:=/cam/depth/image_raw"]
QUICK = ["--set", "backend.fusion.tsdf.voxel_size=0.05"]


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Graph:
    monkeypatch.setattr(source, "GRACE_S", 0.3)
    return install(monkeypatch)


@contextmanager
def walking(
    room: Room, robot: Robot, *, odometry: np.ndarray | None = None, begin: int = 0
) -> Iterator[None]:
    """The image `begin` until somebody maps, then one after the other, each once it was answered;
    then Ctrl-C."""
    said = robot._graph.said
    answered = len(said["/mapper/odom"])

    def show(k: int) -> None:
        seen = k if begin == 0 else k - 4  # who carries on begins where he has been
        frame, stamp = room.frame(2 * seen), START + k * STEP
        assert frame.depth is not None
        if odometry is not None:
            moved = link("odom", "base_link", odometry, stamp)
            robot.say("/tf", make("tf2_msgs/TFMessage", transforms=[moved]))
        robot.say("/cam/camera_info", camera_info(room.intrinsics))
        robot.say("/cam/image_raw", image(frame.image, "rgb8", stamp))
        units = (frame.depth * 1000).astype("<u2")
        robot.say("/cam/depth/image_raw", image(units, "16UC1", stamp))

    def act(stop: threading.Event) -> None:
        while len(said["/mapper/odom"]) == answered and not stop.wait(0.2):
            show(begin)
        for k in range(1, COUNT):
            show(begin + k)
            for _ in range(200):
                if len(said["/mapper/odom"]) > answered + k or stop.wait(0.02):
                    break
        if not stop.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    with acting(act):
        yield


def matrix(place, turn) -> np.ndarray:
    xyzw = np.array([[turn.x, turn.y, turn.z, turn.w]])
    return pose_from_quaternion_xyzw(xyzw, np.array([[place.x, place.y, place.z]]))[0]


def nanoseconds(header) -> int:
    return header.stamp.sec * SECOND + header.stamp.nanosec


def test_a_robot_is_told_where_it_is_and_the_run_is_saved(
    graph: Graph, room: Room, tmp_path: Path
) -> None:
    robot = Robot(graph)
    robot.stand(link("base_link", OPTICAL, T_BASE_CAMERA))
    out = tmp_path / "run"
    command = ["ros2", "--out", str(out), *QUICK, "--ros-args", *REMAPS]
    with walking(room, robot):
        assert main([*command, "-p", "map_period:=0.5"]) == 0
    assert not graph.is_up
    odometry = graph.said["/mapper/odom"]
    assert len(odometry) >= COUNT // 2  # a busy machine drops some
    first = T_BASE_CAMERA @ inverse(room.poses[0])
    for message in odometry:
        k, rest = divmod(nanoseconds(message.header) - START, STEP)
        assert rest == 0  # the stamps are those of the images
        expected = first @ room.poses[2 * k] @ inverse(T_BASE_CAMERA)
        found = matrix(message.pose.pose.position, message.pose.pose.orientation)
        assert np.abs(found - expected).max() < 0.02
        assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    assert np.all(np.diag(np.reshape(odometry[-1].pose.covariance, (6, 6))) < 1e-2)
    links = [t for message in graph.said["/tf"] for t in message.transforms]
    names = {(t.header.frame_id, t.child_frame_id) for t in links}
    assert names == {("map", "odom"), ("odom", "base_link")}
    assert {nanoseconds(t.header) for t in links} == {nanoseconds(m.header) for m in odometry}
    path, cloud, grid = (graph.said[t][-1] for t in ("/mapper/path", "/mapper/cloud", "/map"))
    assert len(path.poses) >= 2 and cloud.width > 500 and 100 in grid.data
    assert grid.info.origin.position.z < 0  # the floor lies below the base
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["ros2"]["poses_sent"] == len(odometry) == metrics["tracked"]
    times = read_tum(out / "trajectory.txt").timestamps
    np.testing.assert_allclose(times[0], START * 1e-9, atol=1e-5)


def test_a_run_that_is_carried_on_sends_the_whole_map(
    graph: Graph, room: Room, tmp_path: Path
) -> None:
    out = str(tmp_path / "run")
    lengths = []
    for begin, more in ((0, []), (COUNT, ["--resume"])):
        robot = Robot(graph)
        robot.stand(link("base_link", OPTICAL, T_BASE_CAMERA))
        words = [*REMAPS, "-p", "map_period:=0.0"]  # at the end alone
        with walking(room, robot, begin=begin):
            assert main(["ros2", "--out", out, *QUICK, *more, "--ros-args", *words]) == 0
        lengths.append(len(graph.said["/mapper/path"][-1].poses))
        graph.remaps.clear()
        graph.overrides.clear()
    assert lengths[1] >= lengths[0] + 2
    stamps = [nanoseconds(p.header) for p in graph.said["/mapper/path"][-1].poses]
    assert stamps == sorted(stamps) and abs(stamps[0] - START) < 1000
    assert len(graph.said["/mapper/path"]) == 2


def test_where_another_node_has_the_odometry_only_the_map_is_tied_to_it(
    graph: Graph, room: Room, tmp_path: Path
) -> None:
    robot = Robot(graph)
    robot.stand(link("base_link", OPTICAL, T_BASE_CAMERA))
    T_odom_base = exp_se3(np.array([0.0, 0.0, 0.3, 1.0, 2.0, 0.0]))
    command = ["ros2", "--out", str(tmp_path / "run"), *QUICK, "--json"]
    words = ["-p", "tf:=map", "-p", "grid_resolution:=0.0", "-p", "cloud_resolution:=0.0"]
    with walking(room, robot, odometry=T_odom_base):
        assert main([*command, "--ros-args", *REMAPS, *words]) == 0
    placed = {nanoseconds(m.header): m.pose.pose for m in graph.said["/mapper/odom"]}
    links = [t for m in graph.said["/tf"] for t in m.transforms if t.header.frame_id == "map"]
    assert links and {t.child_frame_id for t in links} == {"odom"}
    for found in links:
        T_map_odom = matrix(found.transform.translation, found.transform.rotation)
        where = placed[nanoseconds(found.header)]
        # odom began as the map did, which has moved by less than the tolerance.
        expected = matrix(where.position, where.orientation)
        np.testing.assert_allclose(T_map_odom @ T_odom_base, expected, atol=5e-3)
    assert not graph.said["/map"] and not graph.said["/mapper/cloud"]


def test_without_tf2_msgs_transforms_are_refused_before_a_run_is_begun(
    monkeypatch: pytest.MonkeyPatch, room: Room, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(source, "GRACE_S", 0.1)
    graph = install(monkeypatch, without=("tf2_msgs",))
    with walking(room, Robot(graph)):
        assert main(["ros2", "--out", str(tmp_path / "run"), "--ros-args", *REMAPS]) == 2
    assert "give tf:=none" in capsys.readouterr().err
    assert not (tmp_path / "run").exists() and not graph.is_up
