"""ROS 1 and ROS 2 bags played at their own speed, through the optional package rosbags."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import cv2
import numpy as np

from mapper.core.intrinsics import Intrinsics
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.live.source import LiveImage, StreamBroken, arrival_time

SAME_MOMENT: Final = 0.02  # seconds between an image and its depth

_IMAGES: Final = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_INFO: Final = "sensor_msgs/msg/CameraInfo"
_TO_RGB: Final = {
    "rgb8": None,
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "8UC1": cv2.COLOR_GRAY2RGB,
}


class RosbagSource:
    """The first colour topic of a bag, and the depth topic registered to it if there is one.

    Depth counts as registered where its topic says "aligned" or "registered". Images without
    depth within 20 ms are then left out. Timestamps are those of the messages' arrival.
    """

    def __init__(self, path: Path) -> None:
        self._library = _load_library()
        self.name = str(path)
        self._path = path
        self._reader: Any = None
        with closing(self._opened()) as reader:
            self._color, self._depth, self._info = _topics(reader, path)
            self.calibration = self._read_calibration(reader)
        self.has_depth = self._depth is not None

    def open(self) -> None:
        """From the beginning."""
        self.close()
        self._reader = self._opened()
        self._images = self._synchronised()
        self._offset: float | None = None

    def read(self) -> LiveImage | None:
        """The image that is due next; None at the end."""
        if self._reader is None:
            raise StreamBroken(f"{self.name}: not open")
        image = next(self._images, None)
        if image is not None:
            if self._offset is None:
                self._offset = arrival_time() - image.timestamp
            time.sleep(max(0.0, image.timestamp + self._offset - arrival_time()))
        return image

    def close(self) -> None:
        """Close the bag."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _opened(self) -> Any:
        highlevel, typestore = self._library
        try:
            reader = highlevel.AnyReader([self._path], default_typestore=typestore)
            reader.open()
        except highlevel.AnyReaderError as error:
            raise InputError(f"{self._path}: not a readable bag ({error})") from error
        return reader

    def _messages(self, reader: Any, topics: tuple[str, ...]) -> Iterator[tuple[str, float, Any]]:
        wanted = [c for c in reader.connections if c.topic in topics]
        for connection, nanoseconds, raw in reader.messages(connections=wanted):
            message = reader.deserialize(raw, connection.msgtype)
            yield connection.topic, nanoseconds * 1e-9, message

    def _read_calibration(self, reader: Any) -> Calibration | None:
        if self._info is None:
            return None
        for _, _, info in self._messages(reader, (self._info,)):
            return _calibration(info)
        return None

    def _synchronised(self) -> Iterator[LiveImage]:
        topics = (self._color,) if self._depth is None else (self._color, self._depth)
        color: tuple[float, Any] | None = None
        depth: tuple[float, Any] | None = None
        for topic, moment, message in self._messages(self._reader, topics):
            if topic == self._depth:
                depth = moment, message
            else:
                color = moment, message
            if color is None or (self._depth is not None and depth is None):
                continue
            if depth is not None and abs(color[0] - depth[0]) > SAME_MOMENT:
                continue
            yield LiveImage(color[0], _rgb(color[1]), None if depth is None else _depth(depth[1]))
            color = depth = None


def _topics(reader: Any, path: Path) -> tuple[str, str | None, str | None]:
    """Topics of colour, of depth registered to it, and of the colour camera's calibration."""
    images = sorted({c.topic for c in reader.connections if c.msgtype in _IMAGES})
    color = next((topic for topic in images if "depth" not in topic), None)
    if color is None:
        raise InputError(f"{path}: no image topic in this bag; topics: {', '.join(images) or '-'}")
    registered = (t for t in images if "depth" in t and ("aligned" in t or "registered" in t))
    depth = next((t for t in registered if not t.endswith("compressedDepth")), None)
    infos = {c.topic for c in reader.connections if c.msgtype == _INFO}
    beside = color.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"
    return color, depth, beside if beside in infos else None


def _calibration(info: Any) -> Calibration:
    K = np.asarray(getattr(info, "k", getattr(info, "K", None)), float).reshape(3, 3)
    intrinsics = Intrinsics(K[0, 0], K[1, 1], K[0, 2], K[1, 2], int(info.width), int(info.height))
    distortion = tuple(map(float, getattr(info, "d", getattr(info, "D", ()))))
    return Calibration(Camera(intrinsics, distortion if any(distortion) else ()))


def _rgb(message: Any) -> np.ndarray:
    """uint8 (H, W, 3) of an Image or CompressedImage."""
    if hasattr(message, "format"):
        image = cv2.imdecode(np.asarray(message.data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise InputError("an image of the bag cannot be decoded; record it again")
        return np.asarray(image)
    if message.encoding not in _TO_RGB:
        raise InputError(f"images are {message.encoding}; known: {', '.join(_TO_RGB)}")
    rows = np.asarray(message.data, np.uint8).reshape(message.height, message.step)
    channels = message.step // message.width
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    code = _TO_RGB[message.encoding]
    return pixels.copy() if code is None else np.asarray(cv2.cvtColor(pixels, code))


def _depth(message: Any) -> np.ndarray:
    """float32 (H, W), metres, 0 = no reading."""
    types: dict[str, np.dtype] = {
        "16UC1": np.dtype(np.uint16),
        "mono16": np.dtype(np.uint16),
        "32FC1": np.dtype(np.float32),
    }
    if message.encoding not in types:
        raise InputError(f"depth images are {message.encoding}; known: {', '.join(types)}")
    kind = types[message.encoding].newbyteorder(">" if message.is_bigendian else "<")
    rows = np.asarray(message.data, np.uint8).reshape(message.height, message.step)
    raw = np.ascontiguousarray(rows[:, : message.width * kind.itemsize]).view(kind)
    depth = np.nan_to_num(raw.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return depth if message.encoding == "32FC1" else depth * np.float32(0.001)


def _load_library() -> tuple[ModuleType, Any]:
    """(rosbags.highlevel, the message types of a bag that does not bring its own)."""
    try:
        from rosbags import highlevel
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise ConfigError("ROS bags need the package rosbags: pip install rosbags") from error
    return highlevel, get_typestore(Stores.ROS2_HUMBLE)
