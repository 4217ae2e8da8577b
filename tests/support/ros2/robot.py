"""A made-up robot with a camera, which speaks in the graph of the stand-in."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mapper.core.geometry import pose_to_quaternion_xyzw
from mapper.core.intrinsics import Intrinsics
from tests.support.ros2.definitions import message_class
from tests.support.ros2.stand_in import (
    SENSOR_DATA,
    DurabilityPolicy,
    Graph,
    QoSProfile,
)

SECOND = 10**9
OPTICAL = "camera_color_optical_frame"


def make(kind: str, **fields: Any) -> Any:
    package, _, name = kind.partition("/")
    return message_class(f"{package}/msg/{name}")(**fields)


def header(stamp: int, frame: str = OPTICAL) -> Any:
    time = make("builtin_interfaces/Time", sec=stamp // SECOND, nanosec=stamp % SECOND)
    return make("std_msgs/Header", stamp=time, frame_id=frame)


def image(pixels: np.ndarray, encoding: str, stamp: int, frame: str = OPTICAL) -> Any:
    rows = np.ascontiguousarray(pixels)
    return make(
        "sensor_msgs/Image",
        header=header(stamp, frame),
        height=rows.shape[0],
        width=rows.shape[1],
        encoding=encoding,
        step=rows.nbytes // rows.shape[0],
        data=array.array("B", rows.tobytes()),
    )


def camera_info(camera: Intrinsics, stamp: int = SECOND, frame: str = OPTICAL) -> Any:
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    return make(
        "sensor_msgs/CameraInfo",
        header=header(stamp, frame),
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
    )


def link(parent: str, child: str, T: np.ndarray, stamp: int = SECOND) -> Any:
    """geometry_msgs/TransformStamped."""
    x, y, z, w = (float(v) for v in pose_to_quaternion_xyzw(T))
    tx, ty, tz = (float(v) for v in T[:3, 3])
    return make(
        "geometry_msgs/TransformStamped",
        header=header(stamp, parent),
        child_frame_id=child,
        transform=make(
            "geometry_msgs/Transform",
            translation=make("geometry_msgs/Vector3", x=tx, y=ty, z=tz),
            rotation=make("geometry_msgs/Quaternion", x=x, y=y, z=z, w=w),
        ),
    )


class Robot:
    """Publishes by topic; what is latched is said once, before anybody listens."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._publishers: dict[str, Any] = {}

    def say(self, topic: str, message: Any, latched: bool = False) -> None:
        if topic not in self._publishers:
            lasting = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
            surely = QoSProfile(depth=100) if topic == "/tf" else SENSOR_DATA
            quality = lasting if latched else surely
            self._publishers[topic] = self._graph.publisher(type(message), topic, quality)
        self._publishers[topic].publish(message)

    def stand(self, *links: Any) -> None:
        """/tf_static."""
        self.say("/tf_static", make("tf2_msgs/TFMessage", transforms=list(links)), latched=True)


@contextmanager
def acting(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """In a thread beside the block; at its end the event is set, and the thread waited for."""
    stop = threading.Event()
    thread = threading.Thread(target=act, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
