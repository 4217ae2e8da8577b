"""A bag as a list of colour images, each with its depth: an index of stamps, and the reading."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from mapper.core.camera_kinds import CameraKind
from mapper.core.geometry import inverse
from mapper.errors import ConfigError, InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.cameras.camera import Camera
from mapper.io.sequences.bags.cameras import camera_of_info, relative_pose, transform
from mapper.io.sequences.bags.messages import MILLIMETRES, color_image, depth_image
from mapper.io.sequences.bags.places import Place, on_one_clock, ordered, places_of, seconds_of
from mapper.io.sequences.bags.topics import (
    IMAGES,
    TopicChoice,
    Topics,
    camera_kind,
    choose_topics,
    is_rectified,
)
from mapper.io.sequences.pairing import pair_times, pairing_notes

BAG_SUFFIXES: Final = (".bag", ".db3", ".mcap")
STATIC_TRANSFORMS: Final = "/tf_static"
SKIPPED: Final = 200  # messages up to which reading on is quicker than seeking
_DEVICE: Final = "/device_0/info"  # of the RealSense Viewer: name, serial number ...
_UNIT: Final = "/option/Depth_Units/value"  # of the RealSense Viewer, metres


def is_bag(path: Path) -> bool:
    """Whether a path is a bag of ROS 1, a folder of ROS 2, or a file of it."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file()
    return path.suffix.lower() in BAG_SUFFIXES


class Bag:
    """topics: those taken. calibration: by its CameraInfo; None without one.

    timestamps: float64 (N,), seconds, by the images' headers; by the recorder where those are
    empty. lonely_times: of colour images without depth, which are left out. notes: sentences.
    camera_kind: by the topics' names and what the RealSense Viewer wrote; None where they are mute.
    """

    topics: Topics
    calibration: Calibration | None
    timestamps: np.ndarray
    lonely_times: np.ndarray
    notes: tuple[str, ...]
    camera_kind: CameraKind | None

    def __init__(
        self, path: Path, choice: TopicChoice | None = None, calibrated: bool = False
    ) -> None:
        """calibrated: the cameras are known already; what the bag says of them is not looked at."""
        self.path = path
        self._library = _load_library()
        self._lock = threading.Lock()
        self._cursors: dict[str, _Cursor] = {}
        with closing(_open(path, self._library)) as reader:
            try:
                self._look_through(reader, choice or TopicChoice(), calibrated)
            except (InputError, ConfigError) as error:
                raise type(error)(f"{path}: {error}") from error
            except Exception as error:  # a damaged bag can raise anything
                raise self._unreadable(error) from error

    def __len__(self) -> int:
        return len(self.timestamps)

    def color(self, index: int) -> np.ndarray:
        """uint8 (H, W, 3), RGB, as it was seen; InputError where it is damaged."""
        message = self._message(self.topics.color, self._color[index])
        return color_image(message, f"{self.path} {self.topics.color} {index}")

    def depth(self, index: int) -> np.ndarray | None:
        """float32 (H, W), metres, 0 = no reading, as it was seen; None in a bag without depth."""
        if self.topics.depth is None:
            return None
        message = self._message(self.topics.depth, self._depth[index])
        what = f"{self.path} {self.topics.depth} {index}"
        return depth_image(message, what, self._depth_scale)

    def close(self) -> None:
        """Closes the files; they are opened again where an image is asked for."""
        with self._lock:
            for cursor in self._cursors.values():
                cursor.close()
            self._cursors.clear()

    def _look_through(self, reader: Any, choice: TopicChoice, calibrated: bool) -> None:
        """Topics, cameras and the index; no image is decoded."""
        types = {c.topic: c.msgtype for c in reader.connections}
        firsts = {t: _first(reader, t) for t, kind in types.items() if kind in IMAGES}
        firsts = {topic: message for topic, message in firsts.items() if message is not None}
        self.topics = topics = choose_topics(types, firsts, choice)
        self.calibration = None if calibrated else _calibration(reader, topics, firsts)
        self._depth_scale = _depth_scale(reader, topics)
        self.camera_kind = camera_kind(topics.depth, _device_names(reader))
        places = places_of(reader, filter(None, (topics.color, topics.depth)))
        color, notes = ordered(places[topics.color], topics.color)
        self._color, self._depth = color, list[Place]()
        self.lonely_times = np.empty(0)
        if topics.depth is not None:
            depth, depth_notes = ordered(places[topics.depth], topics.depth)
            color, depth = on_one_clock(color, depth)
            times = seconds_of(color), seconds_of(depth)
            pairs = pair_times(*times)
            if len(pairs.color) == 0:
                raise InputError(
                    f"no images of {topics.color} and {topics.depth} are of one moment; "
                    "name other topics with --topics, or depth=none"
                )
            self._color = [color[i] for i in pairs.color]
            self._depth = [depth[j] for j in pairs.depth]
            self.lonely_times = times[0][pairs.lonely_color]
            notes += depth_notes + pairing_notes(pairs)
        self.timestamps = seconds_of(self._color)
        self.notes = _others(topics, firsts) + notes
        if self.calibration and topics.depth and not (topics.says_registered or topics.depth_info):
            self.notes += (f"{topics.depth} has no camera_info: taken to be in colour's view",)

    def _message(self, topic: str, place: Place) -> Any:
        with self._lock:
            if topic not in self._cursors:
                self._cursors[topic] = _Cursor(_open(self.path, self._library), topic)
            try:
                return self._cursors[topic].read(place)
            except Exception as error:  # a damaged bag can raise anything
                self._cursors.pop(topic).close()
                raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        return InputError(f"{self.path}: the bag is damaged or cut short ({reason}); copy it again")


class _Cursor:
    """Reads the messages of one topic, quickly in order and slowly at random."""

    def __init__(self, reader: Any, topic: str) -> None:
        self._reader = reader
        self._connections = [c for c in self._reader.connections if c.topic == topic]
        self._messages: Iterator[Any] = iter(())
        self._next = -1  # the number of the message that comes next; -1 = none was read

    def read(self, place: Place) -> Any:
        if not 0 <= self._next <= place.number <= self._next + SKIPPED:
            self._messages = self._reader.messages(self._connections, start=place.recorded)
            self._next = place.number - place.behind
        found = next(itertools.islice(self._messages, place.number - self._next, None), None)
        self._next = place.number + 1
        if found is None:
            raise EOFError("it ends early")
        connection, _, raw = found
        return self._reader.deserialize(raw, connection.msgtype)

    def close(self) -> None:
        self._reader.close()


def _others(topics: Topics, firsts: dict[str, Any]) -> tuple[str, ...]:
    """A sentence about the choice, where there was one."""
    taken = [topic for topic in (topics.color, topics.depth) if topic is not None]
    others = sorted(set(firsts) - set(taken))
    if not others:
        return ()
    return (f"taken: {' and '.join(taken)}; not {', '.join(others)} (--topics names others)",)


def _calibration(reader: Any, topics: Topics, firsts: dict[str, Any]) -> Calibration | None:
    """Of the two cameras; of the colour camera alone where depth is in its view."""
    color = _camera(reader, topics.info, topics.color)
    if color is None or topics.depth is None or topics.says_registered:
        return None if color is None else Calibration(color)
    depth = _camera(reader, topics.depth_info, topics.depth)
    frames = [firsts[topic].header.frame_id for topic in (topics.color, topics.depth)]
    if depth is None or depth == color:
        return Calibration(color)
    T_color_depth = _between_cameras(reader, topics, frames)
    if T_color_depth is None:
        raise InputError(
            f"{topics.depth} is not in the view of {topics.color}, and the bag does not say how "
            "the two cameras stand; give --calib with color, depth and T_color_depth, or "
            "--topics depth=none"
        )
    return Calibration(color, depth, T_color_depth)


def _camera(reader: Any, info: str | None, images: str) -> Camera | None:
    message = None if info is None else _first(reader, info)
    return None if message is None else camera_of_info(message, is_rectified(images))


def _between_cameras(reader: Any, topics: Topics, frames: list[str]) -> np.ndarray | None:
    """T_color_depth (4, 4), as the RealSense Viewer writes it, or by /tf_static; else None."""
    from_reference = [
        _first(reader, f"{images.removesuffix('/image/data')}/tf/0")
        for images in (topics.color, topics.depth or "")
    ]
    if all(message is not None for message in from_reference):
        # The Viewer stores each stream's transform from the reference stream to it.
        color, depth = map(transform, from_reference)
        return np.asarray(color @ inverse(depth))
    static = [
        (_frame(t.header.frame_id), _frame(t.child_frame_id), transform(t.transform))
        for message in _all(reader, STATIC_TRANSFORMS)
        for t in message.transforms
    ]
    return relative_pose(static, _frame(frames[0]), _frame(frames[1])) if all(frames) else None


def _frame(name: str) -> str:
    """ROS 1 may have a slash before a name."""
    return name.lstrip("/")


def _depth_scale(reader: Any, topics: Topics) -> float:
    """Units a metre: what the RealSense Viewer stored, else millimetres."""
    if topics.depth is None:
        return MILLIMETRES
    sensor = topics.depth.removesuffix("/image/data").rpartition("/")[0]
    unit = _first(reader, sensor + _UNIT)
    value = float(getattr(unit, "data", 0.0) or 0.0)
    return 1.0 / value if value > 0 else MILLIMETRES


def _device_names(reader: Any) -> str:
    """What the RealSense Viewer wrote of the camera; empty in other bags."""
    return " ".join(str(getattr(message, "value", "")) for message in _all(reader, _DEVICE))


def _first(reader: Any, topic: str) -> Any:
    return next(_all(reader, topic), None)


def _all(reader: Any, topic: str) -> Iterator[Any]:
    wanted = [c for c in reader.connections if c.topic == topic]
    if not wanted:
        return
    for connection, _, raw in reader.messages(wanted):
        yield reader.deserialize(raw, connection.msgtype)


def _open(path: Path, library: tuple[ModuleType, Any]) -> Any:
    highlevel, typestore = library
    folder = path.parent if path.suffix.lower() in (".db3", ".mcap") else path
    with_metadata = folder if (folder / "metadata.yaml").is_file() else path
    try:
        reader = highlevel.AnyReader([with_metadata], default_typestore=typestore)
        reader.open()
    except Exception as error:  # a damaged bag can raise anything
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path}: not a readable bag ({reason}); one that was cut off is mended by rosbag "
            "reindex or ros2 bag reindex, else copy it again"
        ) from error
    return reader


def _load_library() -> tuple[ModuleType, Any]:
    """(rosbags.highlevel, the message types of a bag that does not bring its own)."""
    try:
        from rosbags import highlevel
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise ConfigError("ROS bags need the package rosbags: pip install rosbags") from error
    return highlevel, get_typestore(Stores.ROS2_HUMBLE)
