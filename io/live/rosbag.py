"""ROS 1 and ROS 2 bags played at their own speed, through the optional package rosbags."""

from __future__ import annotations

import time
from pathlib import Path

from mapper.errors import InputError
from mapper.io.live.source import LiveImage, StreamBroken, arrival_time
from mapper.io.sequences.bags.bag import Bag
from mapper.io.sequences.bags.topics import TopicChoice


class RosbagSource:
    """Colour images of a bag, each with its depth if there is any; see mapper.io.sequences.bags.

    An image that cannot be decoded is left out. Timestamps are those of the images' headers.
    """

    def __init__(
        self, path: Path, topics: TopicChoice | None = None, calibrated: bool = False
    ) -> None:
        self.name = str(path)
        self._bag = Bag(path, topics, calibrated)
        self._next: int | None = None
        self._offset: float | None = None
        self.calibration = self._bag.calibration
        self.camera_kind = self._bag.camera_kind
        self.has_depth = self._bag.topics.depth is not None

    def open(self) -> None:
        """From the beginning."""
        self._next, self._offset = 0, None

    def read(self) -> LiveImage | None:
        """The image that is due next; None at the end."""
        if self._next is None:
            raise StreamBroken(f"{self.name}: not open")
        while self._next < len(self._bag):
            index, self._next = self._next, self._next + 1
            try:
                image, depth = self._bag.color(index), self._bag.depth(index)
            except InputError:
                continue
            stamp = float(self._bag.timestamps[index])
            if self._offset is None:
                self._offset = arrival_time() - stamp
            time.sleep(max(0.0, stamp + self._offset - arrival_time()))
            return LiveImage(stamp, image, depth)
        return None

    def close(self) -> None:
        """Closes the bag; harmless when it is closed."""
        self._bag.close()
        self._next = None
