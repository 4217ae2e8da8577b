"""Draws the map and sends it, in a thread of its own: the backend does not wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapper.core.geometry import inverse
from mapper.core.sim3 import rigid_part
from mapper.io.ros2.mounting import Mounting
from mapper.io.ros2.parameters import NodeParameters
from mapper.io.ros2.publisher import RosPublisher
from mapper.ros2.drawing import draw_cloud, draw_grid
from mapper.ros2.thin_view import ThinView
from mapper.runtime.closing import Closing
from mapper.runtime.patience import told

logger = logging.getLogger(__name__)

REST: Final = 5.0  # times what a drawing took, before the next: tracking needs the core more
JOIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class MapNow:
    """views and their S_world_keyframe (4, 4), by id. stamp: nanoseconds, of the newest frame."""

    views: Mapping[int, ThinView]
    poses: Mapping[int, np.ndarray]
    stamp: int
    is_metric: bool


class MapSender(Closing):
    """Of the maps that are handed over the newest is drawn."""

    def __init__(
        self, publisher: RosPublisher, mounting: Mounting, parameters: NodeParameters
    ) -> None:
        self._publisher, self._mounting, self._parameters = publisher, mounting, parameters
        self._next: MapNow | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mapper-ros2-map", daemon=True)
        self._thread.start()

    def put(self, now: MapNow) -> None:
        """Draw this one when there is time."""
        with self._changed:
            self._next = now
            self._changed.notify_all()

    def close(self) -> None:
        """Draw what waits, and end; harmless when it is closed."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._stop.is_set())
                now, self._next = self._next, None
            if now is None:
                return
            began = time.monotonic()
            try:
                self.send(now)
            except Exception as error:  # the run goes on without a picture
                logger.warning("ROS 2: the map could not be sent (%s)", told(error))
            self._stop.wait(REST * (time.monotonic() - began))

    def send(self, now: MapNow) -> None:
        """Path, cloud and grid."""
        T, parameters = self._mounting.T_map_world, self._parameters
        T_camera_base = inverse(self._mounting.T_base_camera)
        views = {id: now.views[id] for id in sorted(now.poses) if id in now.views}
        path = [
            (view.stamp, T @ rigid_part(now.poses[id]) @ T_camera_base)
            for id, view in views.items()
        ]
        self._publisher.path(now.stamp, path)
        placed = {id: (view, T @ now.poses[id]) for id, view in views.items()}
        if parameters.cloud_resolution:
            self._publisher.cloud(now.stamp, *draw_cloud(placed, parameters.cloud_resolution))
        if parameters.grid_resolution and now.is_metric:
            height = parameters.grid_low, parameters.grid_high
            grid = draw_grid(placed, parameters.grid_resolution, height, self._mounting.is_level)
            if grid is not None:
                self._publisher.grid(now.stamp, grid.cells, grid.T_map_corner)
