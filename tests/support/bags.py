"""Small bags of ROS 1 and ROS 2, written here message by message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 16, 12
K = (20.0, 0, 7.5, 0, 21.0, 5.5, 0, 0, 1)
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
START = 1_700_000_000_000_000_000  # ns


@dataclass
class Recorded:
    """One message: its topic and type, when it was recorded (ns), and itself."""

    topic: str
    kind: str
    at: int
    message: Any


class Messages:
    """Makes messages of one ROS; stamp: nanoseconds."""

    def __init__(self, ros1: bool = False) -> None:
        from rosbags.typesys import Stores, get_typestore

        self.ros1 = ros1
        self.store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)

    def make(self, kind: str, **fields: Any) -> Any:
        return self.store.types[kind](**fields)

    def header(self, stamp: int, frame: str = "camera") -> Any:
        time = self.make("builtin_interfaces/msg/Time", sec=stamp // 10**9, nanosec=stamp % 10**9)
        extra = {"seq": 0} if self.ros1 else {}
        return self.make("std_msgs/msg/Header", stamp=time, frame_id=frame, **extra)

    def sized(self, kind: str, header: Any, size: tuple[int, int], **fields: Any) -> Any:
        """size: (width, height) of the images, pixels."""
        width, height = size
        return self.make(kind, header=header, height=height, width=width, **fields)

    def image(
        self, pixels: np.ndarray, encoding: str, stamp: int, padding: int = 0, frame: str = "camera"
    ) -> Any:
        """padding: bytes behind each row."""
        height, width = pixels.shape[:2]
        rows = np.ascontiguousarray(pixels).reshape(height, -1).view(np.uint8)
        rows = np.pad(rows, ((0, 0), (0, padding)))
        return self.sized(
            IMAGE,
            self.header(stamp, frame),
            (width, height),
            encoding=encoding,
            is_bigendian=int(pixels.dtype.byteorder == ">"),
            step=rows.shape[1],
            data=np.ascontiguousarray(rows).reshape(-1),
        )

    def compressed(self, content: bytes, form: str, stamp: int) -> Any:
        pixels = np.frombuffer(content, np.uint8)
        return self.make(COMPRESSED, header=self.header(stamp), format=form, data=pixels)

    def info(
        self,
        model: str = "plumb_bob",
        coefficients: tuple[float, ...] = (0.0,) * 5,
        matrix: tuple[float, ...] = K,
        frame: str = "camera",
    ) -> Any:
        region = self.make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0,
            y_offset=0,
            height=0,
            width=0,
            do_rectify=False,
        )
        names = "DKRP" if self.ros1 else "dkrp"
        projection = np.array([*matrix[:3], 0, *matrix[3:6], 0, *matrix[6:], 0], float)
        values = np.array(coefficients, float), np.array(matrix, float), np.eye(3).ravel()
        return self.sized(
            INFO,
            self.header(START, frame),
            (WIDTH, HEIGHT),
            distortion_model=model,
            binning_x=0,
            binning_y=0,
            roi=region,
            **dict(zip(names, (*values, projection), strict=True)),
        )

    def transform(self, translation: tuple[float, float, float]) -> Any:
        x, y, z = translation
        return self.make(
            "geometry_msgs/msg/Transform",
            translation=self.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
            rotation=self.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )

    def write(self, path: Path, messages: list[Recorded]) -> Path:
        """A bag of them, in the order of the recorder."""
        messages = sorted(messages, key=lambda m: m.at)
        kinds = {m.topic: m.kind for m in messages}
        with self._writer(path) as writer:
            links = {t: writer.add_connection(t, k, typestore=self.store) for t, k in kinds.items()}
            pack: Callable[..., Any] = (
                self.store.serialize_ros1 if self.ros1 else self.store.serialize_cdr
            )
            for m in messages:
                writer.write(links[m.topic], m.at, pack(m.message, m.kind))
        return path

    def _writer(self, path: Path) -> Any:
        from rosbags import rosbag1, rosbag2

        if self.ros1:
            return rosbag1.Writer(path)
        return rosbag2.Writer(path, version=9)


def red(i: int) -> np.ndarray:
    """uint8 (H, W, 3), RGB, of redness 10 i."""
    return np.full((HEIGHT, WIDTH, 3), [10 * i, 100, 200], np.uint8)


def far(i: int) -> np.ndarray:
    """uint16 (H, W): 1 m and i mm."""
    return np.full((HEIGHT, WIDTH), 1000 + i, np.uint16)
