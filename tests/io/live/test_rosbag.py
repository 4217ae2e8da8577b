"""A ROS 2 bag written here is played back: colour, registered depth, calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapper.errors import InputError
from mapper.io.live.open_live import open_live

rosbags = pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

WIDTH, HEIGHT, COUNT = 16, 12, 5


def write_bag(path: Path, images: bool = True) -> None:
    """Five colour and depth images 50 ms apart, depth 4 ms late, the third depth missing."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    image, info = types["sensor_msgs/msg/Image"], types["sensor_msgs/msg/CameraInfo"]
    head = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](0, 0), "camera")
    roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    K = np.array([20.0, 0, 7.5, 0, 21.0, 5.5, 0, 0, 1])
    camera = info(
        head, HEIGHT, WIDTH, "plumb_bob", np.zeros(5), K, np.eye(3).ravel(), np.zeros(12), 0, 0, roi
    )
    with Writer(path, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:

        def topic(name: str, kind: str) -> Any:
            return writer.add_connection(name, kind, typestore=store)

        infos = topic("/camera/color/camera_info", "sensor_msgs/msg/CameraInfo")
        writer.write(infos, 0, store.serialize_cdr(camera, "sensor_msgs/msg/CameraInfo"))
        if not images:
            return
        color = topic("/camera/color/image_raw", "sensor_msgs/msg/Image")
        depth = topic("/camera/aligned_depth_to_color/image_raw", "sensor_msgs/msg/Image")
        for i in range(COUNT):
            now = 10**9 + 50_000_000 * i
            pixels = np.full((HEIGHT, WIDTH, 3), [10 * i, 100, 200], np.uint8).ravel()
            message = image(head, HEIGHT, WIDTH, "rgb8", 0, 3 * WIDTH, pixels)
            writer.write(color, now, store.serialize_cdr(message, "sensor_msgs/msg/Image"))
            if i == 2:
                continue
            units = np.full((HEIGHT, WIDTH), 1000 + i, "<u2").view(np.uint8).ravel()
            message = image(head, HEIGHT, WIDTH, "16UC1", 0, 2 * WIDTH, units)
            raw = store.serialize_cdr(message, "sensor_msgs/msg/Image")
            writer.write(depth, now + 4_000_000, raw)


def test_a_bag_gives_colour_with_its_depth_and_the_camera(tmp_path: Path) -> None:
    write_bag(tmp_path / "walk")
    source = open_live(str(tmp_path / "walk"))
    assert source.has_depth and source.calibration is not None
    camera = source.calibration.color.intrinsics
    assert (camera.fx, camera.fy, camera.cx, camera.width) == (20.0, 21.0, 7.5, WIDTH)
    source.open()
    images = [image for image in iter(source.read, None) if image is not None]
    source.close()
    assert [int(image.image[0, 0, 0]) for image in images] == [0, 10, 30, 40]
    np.testing.assert_allclose([i.timestamp for i in images], [1.0, 1.05, 1.15, 1.2])
    for image, metres in zip(images, (1.0, 1.001, 1.003, 1.004), strict=True):
        assert image.depth is not None and image.image[0, 0, 2] == 200
        np.testing.assert_allclose(image.depth, metres, atol=1e-6)


def test_a_bag_without_images_is_refused(tmp_path: Path) -> None:
    write_bag(tmp_path / "walk", images=False)
    with pytest.raises(InputError, match="no colour image topic"):
        open_live(str(tmp_path / "walk"))


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    (tmp_path / "walk.bag").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"walk.bag"):
        open_live(str(tmp_path / "walk.bag"))
