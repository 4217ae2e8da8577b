"""Images of topics come as frames with their depth, their cameras and the time of their headers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.io.live.source import LiveImage, StreamBroken
from mapper.io.ros2 import source as module
from mapper.io.ros2.node import RosNode
from mapper.io.ros2.source import RosSource, UnreadableImageError

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

from tests.support.ros2.robot import OPTICAL, SECOND, Robot, acting, camera_info, image, link
from tests.support.ros2.stand_in import Graph, install

CAMERA = Intrinsics(20.0, 21.0, 7.5, 5.5, 16, 12)
COLOR, DEPTH = "/cam/color/image_raw", "/cam/depth/image_raw"
REMAPPED = ["-r", f"image:={COLOR}", "-r", f"depth:={DEPTH}"]
RED = np.full((12, 16, 3), (200, 10, 5), np.uint8)
METRES = np.full((12, 16), 1.5, np.float32)


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Graph:
    monkeypatch.setattr(module, "GRACE_S", 0.3)
    monkeypatch.setattr(module, "SILENCE_S", 0.5)
    monkeypatch.setattr(module, "TELL_S", 0.2)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    return install(monkeypatch)


@contextmanager
def saying(robot: Robot, *said: tuple[str, object]) -> Iterator[None]:
    """Say these again and again, as a camera does, until the block ends."""

    def act(stop: threading.Event) -> None:
        while not stop.wait(0.02):
            for topic, message in said:
                robot.say(topic, message)

    with acting(act):
        yield


def first(node: RosNode, robot: Robot, *said: tuple[str, object]) -> tuple[RosSource, LiveImage]:
    """What the source becomes and gives while these are said."""
    source = RosSource(node)
    with saying(robot, *said):
        source.open()
        image = source.read()
    assert image is not None
    return source, image


def color(stamp: int = SECOND, pixels: np.ndarray = RED[..., ::-1], encoding: str = "bgr8"):
    return COLOR, image(pixels, encoding, stamp)


def depth(stamp: int = SECOND, frame: str = OPTICAL):
    return DEPTH, image((METRES * 1000).astype("<u2"), "16UC1", stamp, frame)


INFO = "/cam/color/camera_info", camera_info(CAMERA)


def test_colour_and_depth_of_one_moment_and_the_camera_beside_them(graph: Graph) -> None:
    stamp = 1_700_000_000_123_456_789
    with RosNode(REMAPPED) as node:
        source, got = first(node, Robot(graph), color(stamp), depth(stamp + 3_000_000), INFO)
    assert source.name == f"ros2:{COLOR}" and source.has_depth and source.frame == OPTICAL
    assert source.calibration is not None and source.calibration.depth is None
    assert source.calibration.color.intrinsics == CAMERA
    assert got.stamp == stamp and got.timestamp == pytest.approx(stamp * 1e-9, abs=1e-6)
    np.testing.assert_array_equal(got.image, RED)
    assert got.depth is not None
    np.testing.assert_allclose(got.depth, METRES)


ENCODINGS = {
    "rgb8": RED,
    "bgr8": RED[..., ::-1],
    "mono8": np.full((12, 16), 90, np.uint8),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_usual_encoding_of_colour(encoding: str, graph: Graph) -> None:
    with RosNode([*REMAPPED, "-p", "use_depth:=false"]) as node:
        said = color(SECOND, ENCODINGS[encoding], encoding)
        _, got = first(node, Robot(graph), said, INFO)
    expected = np.full_like(RED, 90) if encoding == "mono8" else RED
    np.testing.assert_array_equal(got.image, expected)
    assert got.depth is None


def test_depth_in_metres(graph: Graph) -> None:
    with RosNode(REMAPPED) as node:
        floats = DEPTH, image(METRES, "32FC1", SECOND)
        _, got = first(node, Robot(graph), color(), floats, INFO)
    assert got.depth is not None
    np.testing.assert_array_equal(got.depth, METRES)


def test_depth_of_another_camera_is_tied_by_tf_static(graph: Graph) -> None:
    """Both hang on one link, 5 cm apart."""
    at_left = pose(np.eye(3), np.array([-0.05, 0.0, 0.0]))
    robot = Robot(graph)
    robot.stand(link("camera_link", OPTICAL, np.eye(4)), link("camera_link", "deep", at_left))
    with RosNode(REMAPPED) as node:
        info = "/cam/depth/camera_info", camera_info(CAMERA, frame="deep")
        source, _ = first(node, robot, color(), depth(frame="deep"), INFO, info)
    assert source.calibration is not None and source.calibration.T_color_depth is not None
    np.testing.assert_allclose(source.calibration.T_color_depth, at_left, atol=1e-12)


def test_depth_of_another_camera_that_nothing_ties_is_refused(graph: Graph) -> None:
    with RosNode(REMAPPED) as node:
        info = "/cam/depth/camera_info", camera_info(CAMERA, frame="deep")
        with pytest.raises(InputError, match="remap depth to the topic that is aligned"):
            first(node, Robot(graph), color(), depth(frame="deep"), INFO, info)


def test_a_camera_that_nobody_calibrated(graph: Graph) -> None:
    blank = "/cam/color/camera_info", camera_info(CAMERA)
    blank[1].k = [0.0] * 9
    with (
        RosNode(REMAPPED) as node,
        pytest.raises(InputError, match="says that the camera is not calibrated"),
    ):
        first(node, Robot(graph), color(), depth(), blank)
    graph.remaps.clear()
    with RosNode([*REMAPPED, "-p", "use_depth:=false"]) as node:
        source, _ = first(node, Robot(graph), color(), blank)
    assert source.calibration is None


def test_what_is_waited_for_is_said(graph: Graph) -> None:
    told: list[str] = []
    with RosNode(REMAPPED) as node:
        source = RosSource(node, say=told.append)
        opened = threading.Thread(target=source.open, daemon=True)
        opened.start()
        while not told:
            opened.join(0.05)
        with saying(Robot(graph), color(), depth()):
            while not any("camera_info" in line for line in told):
                opened.join(0.05)
        with saying(Robot(graph), color(), depth(), INFO):
            opened.join(10)
    assert not opened.is_alive()
    assert told[0] == f"waiting: nothing comes on {COLOR} (nobody publishes it)"
    assert any("give --calib" in line for line in told)


def test_silence_breaks_the_stream_and_an_image_mends_it(graph: Graph) -> None:
    robot = Robot(graph)
    with RosNode([*REMAPPED, "-p", "use_depth:=false"]) as node:
        source, _ = first(node, robot, color(), INFO)
        source.close()
        with pytest.raises(StreamBroken, match="nothing comes on"):
            source.open()
        with saying(robot, color(3 * SECOND)):
            source.open()
            got = source.read()
    assert got is not None and got.stamp == 3 * SECOND


def test_an_image_that_cannot_be_read_costs_one(graph: Graph) -> None:
    with (
        RosNode([*REMAPPED, "-p", "use_depth:=false"]) as node,
        pytest.raises(UnreadableImageError, match="images are float9"),
    ):
        first(node, Robot(graph), color(SECOND, RED, "float9"), INFO)


def test_what_was_left_out_is_counted_and_told(graph: Graph) -> None:
    robot = Robot(graph)
    with RosNode(REMAPPED) as node:
        source, _ = first(node, robot, color(), depth(), INFO)
        before = source.metrics()
        robot.say(*color(5 * SECOND))
        robot.say(*depth(5 * SECOND + 10**8))
        robot.say(*color(0))
        robot.say(*color(2 * SECOND))
        while source.metrics()["colour_messages"] < before["colour_messages"] + 3:
            threading.Event().wait(0.01)
        after = source.metrics()
    assert after["without_time"] == 1 and after["time_stepped_back"] == 1
    assert after["colour_without_depth"] > before["colour_without_depth"]
    assert any("had no depth within 0.02 s" in note for note in source.notes())


def test_compressed_images(graph: Graph) -> None:
    import cv2

    from tests.support.ros2.robot import header, make

    _, content = cv2.imencode(".png", RED[..., ::-1])
    packed = make(
        "sensor_msgs/CompressedImage",
        header=header(SECOND),
        format="rgb8; png compressed bgr8",
        data=content.tobytes(),
    )
    words = ["-p", "use_depth:=false", "-p", "image_transport:=compressed"]
    with RosNode([*REMAPPED, *words]) as node:
        source, got = first(node, Robot(graph), (f"{COLOR}/compressed", packed), INFO)
    assert source.topics.info == INFO[0]
    np.testing.assert_array_equal(got.image, RED)
