"""Images of ROS 2 topics as a live source; time is what their headers say."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from mapper.core.camera_kinds import CameraKind
from mapper.errors import InputError
from mapper.io.cameras.calibration import Calibration
from mapper.io.live.source import LiveImage, StreamBroken
from mapper.io.ros2.cameras import SeenCameras, calibration_of_topics
from mapper.io.ros2.library import NANOSECONDS, stamp_of
from mapper.io.ros2.node import RosNode
from mapper.io.ros2.pairing import Pairer
from mapper.io.ros2.topics import image_topics, kind_of
from mapper.io.ros2.transforms import StaticTransforms
from mapper.io.sequences.bags.messages import color_image, depth_image
from mapper.io.sequences.bags.topics import camera_kind

logger = logging.getLogger(__name__)

STATIC: Final = "/tf_static"
WAITING: Final = 3  # images that wait to be decoded; older ones give way
SILENCE_S: Final = 5.0  # without an image, after which the stream is said to be broken
TELL_S: Final = 5.0  # between two words about what is missing
GRACE_S: Final = 2.0  # for what may come and need not
LOOK_S: Final = 0.1
BACK_NS: Final = NANOSECONDS  # by which time steps back where a bag begins anew


class UnreadableImageError(Exception):
    """It costs one image; see LiveCapture."""


class RosSource:
    """See mapper.io.live.source.LiveSource. The topics `image` and `depth` may be remapped.

    calibrated: the cameras are known already, what camera_info says is not waited for. say: is told
    in a line what is waited for. static: /tf_static. frame: of the colour images, as their
    headers name it; known once it is open.
    """

    def __init__(
        self, node: RosNode, calibrated: bool = False, say: Callable[[str], None] = logger.info
    ) -> None:
        self._node, self._calibrated, self._say = node, calibrated, say
        self.topics = image_topics(node, node.parameters)
        self.name = f"ros2:{self.topics.color_base}"
        self.has_depth = self.topics.depth is not None
        self.calibration: Calibration | None = None
        self.camera_kind: CameraKind | None = camera_kind(self.topics.depth_base)
        self.static = StaticTransforms()
        self.frame = ""
        self._seen = SeenCameras(self.topics)
        self._pairs = Pairer(round(node.parameters.slop * NANOSECONDS))
        self._waiting: deque[tuple[Any, Any | None]] = deque()
        self._changed = threading.Condition()
        self._subscribed = self._is_open = False
        self._last: int | None = None
        self._came = self._gave_way = self._timeless = self._stepped_back = 0

    def open(self) -> None:
        """Wait for images and their cameras: the first time for ever, later for a while."""
        first = not self._subscribed
        if first:
            self._subscribe()
        self._is_open = True
        if first:
            self._wait(self._missing, float("inf"))
            self._wait(self._desired, GRACE_S)
            self._settle()
        else:
            self._wait(lambda: None if self._waiting else self._nothing(), SILENCE_S)
            if not self._waiting:
                raise StreamBroken(self._nothing())

    def read(self) -> LiveImage | None:
        """The next image with its depth; StreamBroken where none comes for a while."""
        if not self._is_open:
            raise StreamBroken(f"{self.name}: not open")
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), SILENCE_S)
            if not self._waiting:
                raise StreamBroken(self._nothing())
            color, depth = self._waiting.popleft()
        stamp = stamp_of(color.header)
        try:
            image = color_image(color, self.topics.color)
            metres = None if depth is None else depth_image(depth, str(self.topics.depth))
        except InputError as error:
            raise UnreadableImageError(str(error)) from error
        return LiveImage(stamp / NANOSECONDS, image, metres, stamp=stamp)

    def close(self) -> None:
        """Take no more; the node stays."""
        with self._changed:
            self._is_open = False
            self._waiting.clear()

    def metrics(self) -> dict[str, int]:
        """What became of the messages, before the newest image was chosen."""
        return {
            "colour_messages": self._came,
            "colour_without_depth": self._pairs.lonely_color,
            "depth_without_colour": self._pairs.lonely_depth,
            "not_decoded_in_time": self._gave_way,
            "without_time": self._timeless,
            "time_stepped_back": self._stepped_back,
        }

    def notes(self) -> tuple[str, ...]:
        """Sentences about what a user can mend."""
        slop = self._node.parameters.slop
        found = (
            (self._pairs.lonely_color, f"had no depth within {slop:g} s (parameter slop)"),
            (self._timeless, "had no time in their header"),
        )
        return tuple(
            f"{count} of {self._came} images of {self.topics.color} {what}: left out"
            for count, what in found
            if count
        )

    def _subscribe(self) -> None:
        ros, parameters, topics = self._node.ros, self._node.parameters, self.topics
        seen, quality = self._seen, ros.sensor_data
        kind = kind_of(parameters.image_transport, ros.sensor)
        self._node.subscribe(kind, topics.color, self._take_color, quality)
        if topics.depth is not None:
            kind = kind_of(parameters.depth_transport, ros.sensor)
            self._node.subscribe(kind, topics.depth, self._take_depth, quality)
        if not self._calibrated:
            info = ros.sensor.CameraInfo
            self._node.subscribe(info, topics.info, seen.take_info, quality)
            if topics.depth_info is not None and topics.depth_info != topics.info:
                self._node.subscribe(info, topics.depth_info, seen.take_depth_info, quality)
        if ros.tf is not None:
            self._node.subscribe(ros.tf.TFMessage, STATIC, self.static.take, ros.latched(100))
        self._subscribed = True

    def _take_color(self, message: Any) -> None:
        stamp = self._stamp(message)
        if stamp is None:
            return
        self._seen.color_frame = str(message.header.frame_id).lstrip("/")
        pairs = self._pairs.color(stamp, message) if self.has_depth else [(message, None)]
        self._put(pairs)

    def _stamp(self, message: Any) -> int | None:
        """Nanoseconds of a colour image; None without a time."""
        self._came += 1
        stamp = stamp_of(message.header)
        if stamp == 0:
            self._timeless += 1
            if self._timeless == 1:
                logger.warning("%s: a header without a time: left out", self.topics.color)
            return None
        if self._last is not None and stamp < self._last - BACK_NS:
            self._stepped_back += 1
            if self._stepped_back == 1:
                logger.warning(
                    "%s: time stepped back, as of a bag that began anew: images are left out "
                    "until it has caught up; start the node anew",
                    self.topics.color,
                )
        self._last = max(stamp, self._last or 0)
        return stamp

    def _take_depth(self, message: Any) -> None:
        self._seen.depth_frame = str(message.header.frame_id).lstrip("/")
        self._put(self._pairs.depth(stamp_of(message.header), message))

    def _put(self, pairs: list[tuple[Any, Any | None]]) -> None:
        with self._changed:
            if self._is_open:
                self._waiting.extend(pairs)
            while len(self._waiting) > WAITING:
                self._waiting.popleft()
                self._gave_way += 1
            self._changed.notify_all()

    def _missing(self) -> str | None:
        """What cannot be done without, in words; None = nothing."""
        topics, seen = self.topics, self._seen
        if seen.color_frame is None:
            return self._nothing()
        if topics.depth is not None and seen.depth_frame is None:
            return self._nothing(topics.depth) + "; use_depth:=false maps from colour alone"
        if topics.depth is None or self._calibrated:
            return None
        if seen.info is None:
            return self._nothing(topics.info) + "; remap camera_info, or give --calib"
        if seen.depth_info is None and not seen.is_registered and topics.depth_info:
            return self._nothing(topics.depth_info) + "; remap depth_camera_info"
        return None

    def _desired(self) -> str | None:
        """What would be good to have."""
        seen, static = self._seen, self.static
        if seen.info is None and not self._calibrated:
            return f"the camera, by {self.topics.info}"
        if self._node.ros.tf is not None and not static.knows(seen.color_frame or ""):
            return f"where the camera sits, by {STATIC}"
        return None

    def _settle(self) -> None:
        """What is known of the cameras now is taken for good."""
        self.frame = self._seen.color_frame or ""
        if not self._calibrated:
            self.calibration = calibration_of_topics(self._seen, self.static)
        with self._changed:
            self._waiting.clear()  # what came while it waited is old
            self._gave_way = 0

    def _nothing(self, topic: str | None = None) -> str:
        topic = topic or self.topics.color
        count = self._node.publishers_of(topic)
        who = "nobody publishes it" if count == 0 else f"{count} publish it"
        return f"nothing comes on {topic} ({who})"

    def _wait(self, missing: Callable[[], str | None], limit: float) -> None:
        """Until nothing is missing, or `limit` seconds are over."""
        began = time.monotonic()
        told_at = began
        while (what := missing()) is not None and time.monotonic() - began < limit:
            if time.monotonic() - told_at >= TELL_S:
                told_at = time.monotonic()
                self._say(f"waiting: {what}")
            time.sleep(LOOK_S)
