"""What other nodes say of frames: how the camera sits on the robot, and the robot's odometry."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

import numpy as np

from mapper.io.ros2.library import stamp_of
from mapper.io.sequences.bags.cameras import relative_pose, transform

KEPT: Final = 2000  # poses of the odometry, ten seconds of a quick one
NEAR_NS: Final = 100_000_000  # from an image, within which a pose of the odometry is its own


class StaticTransforms:
    """/tf_static, as far as it has come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: dict[str, tuple[str, np.ndarray]] = {}  # by child: its parent, T_parent_child

    def take(self, message: Any) -> None:
        """A tf2_msgs/TFMessage."""
        with self._lock:
            for stamped in message.transforms:
                parent, child = _name(stamped.header.frame_id), _name(stamped.child_frame_id)
                self._links[child] = parent, transform(stamped.transform)

    def knows(self, frame: str) -> bool:
        """Whether anything is said of a frame."""
        with self._lock:
            return any(frame in (child, parent) for child, (parent, _) in self._links.items())

    def root_of(self, frame: str) -> str:
        """The frame at the top, which itself hangs on nothing here."""
        with self._lock:
            seen = {frame}
            while frame in self._links and (parent := self._links[frame][0]) not in seen:
                frame = parent
                seen.add(frame)
            return frame

    def between(self, a: str, b: str) -> np.ndarray | None:
        """T_a_b (4, 4); None where nothing ties them."""
        with self._lock:
            links = [(parent, child, T) for child, (parent, T) in self._links.items()]
        return relative_pose(links, a, b)


class OdometryTransforms:
    """What another node says in /tf of one frame in another, over time."""

    def __init__(self, parent: str, child: str) -> None:
        self._parent, self._child = parent, child
        self._lock = threading.Lock()
        self._poses: deque[tuple[int, np.ndarray]] = deque(maxlen=KEPT)

    def take(self, message: Any) -> None:
        """A tf2_msgs/TFMessage."""
        for stamped in message.transforms:
            names = _name(stamped.header.frame_id), _name(stamped.child_frame_id)
            if names == (self._parent, self._child):
                with self._lock:
                    self._poses.append((stamp_of(stamped.header), transform(stamped.transform)))

    def at(self, stamp: int) -> np.ndarray | None:
        """T_parent_child (4, 4) of the nearest time; None where that is too far away."""
        with self._lock:
            near = min(self._poses, key=lambda entry: abs(entry[0] - stamp), default=None)
        return None if near is None or abs(near[0] - stamp) > NEAR_NS else near[1]


def _name(frame: str) -> str:
    """ROS 1 had a slash before a name."""
    return str(frame).lstrip("/")
