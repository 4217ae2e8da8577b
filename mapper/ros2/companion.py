"""Tells the ROS 2 graph of a live run, beside the run directory."""

from __future__ import annotations

import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from mapper.backend.fusion.map_fusion import FusionConfig
from mapper.backend.graph_update import GraphUpdate
from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.prediction import Prediction
from mapper.core.sim3 import inverse_similarity, rigid_part
from mapper.io.live.source import LiveImage
from mapper.io.ros2.library import NANOSECONDS
from mapper.io.ros2.mounting import mounting_of
from mapper.io.ros2.node import RosNode
from mapper.io.ros2.odometry import Odometry
from mapper.io.ros2.publisher import RosPublisher
from mapper.io.ros2.source import RosSource
from mapper.ros2.map_sender import MapNow, MapSender
from mapper.ros2.thin_view import ThinView, thin_view
from mapper.runtime.closing import Closing
from mapper.runtime.patience import Patience
from mapper.slam import recorder
from mapper.slam.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

STAMPS: Final = 5000  # of frames that are not answered yet


class RosCompanion(Closing):
    """See mapper.live_job.Companion. What fails here is logged, and the run goes on."""

    def __init__(self, node: RosNode, source: RosSource, config: FusionConfig) -> None:
        self.source = source
        self._node, self._config = node, config
        self._odometry: Odometry | None = None
        self._publisher: RosPublisher | None = None
        self._sender: MapSender | None = None
        self._stamps: OrderedDict[int, int] = OrderedDict()
        self._newest_stamp = 0
        self._prediction: Prediction | None = None
        self._views: dict[int, ThinView] = {}
        self._open: tuple[int, KeyframeMap] | None = None  # the keyframe that still grows
        self._open_pose = np.eye(4)
        self._is_metric = False
        self._is_drawn, self._drawn_at = True, 0.0
        self._patience = Patience("ROS 2: something could not be sent", sys.maxsize)
        self.sent = 0

    def begin(self) -> None:
        """The source is open: its frames are known. Raises what a user can mend."""
        parameters = self._node.parameters
        mounting = mounting_of(self.source.static, self.source.frame, parameters.base_frame)
        self._publisher = RosPublisher(self._node, mounting)
        self._odometry = Odometry(mounting)
        self._sender = MapSender(self._publisher, mounting, parameters)

    def resume(self, keyframes: Sequence[Keyframe], load: Callable[[int], KeyframeMap]) -> None:
        """What a run that is carried on had mapped."""
        for keyframe in keyframes:
            stamp = round(keyframe.frames[0].timestamp * NANOSECONDS)
            self._views[keyframe.id] = thin_view(load(keyframe.id), self._config, stamp)
            self._is_metric = keyframe.is_metric

    def seen(self, index: int, image: LiveImage) -> None:
        """An image became a frame."""
        self._stamps[index] = image.stamp or round(image.timestamp * NANOSECONDS)
        while len(self._stamps) > STAMPS:
            self._stamps.popitem(last=False)

    def frame(self, *_: object) -> None:
        """Its pose was told with its prediction, which may be another frame's by now."""

    def prediction(self, prediction: Prediction) -> None:
        """The backend says next where it is."""
        self._prediction = prediction

    def update(self, update: GraphUpdate, now: recorder.MapNow, checkpoint: Checkpoint) -> None:
        """A frame was placed; the map may have moved."""
        self._patience.attempt(lambda: self._update(update, now))

    def finish(self, update: GraphUpdate, now: recorder.MapNow) -> None:
        """The map as it will stay."""

        def last() -> bool:
            self._thin_open()
            self._put(now)
            return True

        self._patience.attempt(last)

    def metrics(self) -> dict[str, Any]:
        """What became of the messages."""
        return {"ros2": {**self.source.metrics(), "poses_sent": self.sent}}

    def notes(self) -> tuple[str, ...]:
        """Sentences for the report."""
        return self.source.notes()

    def close(self) -> None:
        """What is to be sent is sent; the node stays."""
        if self._sender is not None:
            self._sender.close()

    def _update(self, update: GraphUpdate, now: recorder.MapNow) -> bool:
        if update.opened is not None and update.opened_map is not None:
            self._follow(update)
            self._thin_open()
            self._open = update.opened.id, update.opened_map
            self._open_pose = np.array(update.poses[update.opened.id])
            self._is_metric, self._is_drawn = update.opened.is_metric, False
            self._views[update.opened.id] = self._thinned(*self._open)
            for gone in self._views.keys() - update.poses.keys():
                del self._views[gone]
        self._place(update.T_world_camera)
        period = self._node.parameters.map_period
        if not self._is_drawn and period and time.monotonic() - self._drawn_at >= period:
            self._put(now)
        return True

    def _follow(self, update: GraphUpdate) -> None:
        """The map moved under the last keyframe: odometry does not."""
        if self._odometry is None or self._open is None:
            return
        S = update.poses.get(self._open[0])
        if S is not None:
            self._odometry.correct(rigid_part(S @ inverse_similarity(self._open_pose)))

    def _place(self, T_world_camera: np.ndarray | None) -> None:
        prediction, self._prediction = self._prediction, None
        if prediction is None or T_world_camera is None:
            return
        stamp = self._stamps.pop(prediction.frame_index, None)
        if stamp is None or self._odometry is None or self._publisher is None:
            return
        self._newest_stamp = max(self._newest_stamp, stamp)
        index, uncertainty = prediction.frame_index, prediction.uncertainty
        self._publisher.placed(self._odometry.place(index, stamp, T_world_camera, uncertainty))
        self.sent += 1

    def _thin_open(self) -> None:
        """The keyframe before, as it is now that all its frames are averaged."""
        if self._open is not None:
            self._views[self._open[0]] = self._thinned(*self._open)

    def _thinned(self, id: int, source: KeyframeMap) -> ThinView:
        stamp = self._views[id].stamp if id in self._views else self._keyframe_stamp()
        return thin_view(source, self._config, stamp)

    def _keyframe_stamp(self) -> int:
        """Of the keyframe that opens, by the frame that is about to be placed."""
        if self._prediction is None:
            return self._newest_stamp
        return self._stamps.get(self._prediction.frame_index, self._newest_stamp)

    def _put(self, now: recorder.MapNow) -> None:
        if self._sender is None:
            return
        poses = {id: np.array(S) for id, S in now.global_map().poses.items()}
        self._sender.put(MapNow(dict(self._views), poses, self._newest_stamp, self._is_metric))
        self._is_drawn, self._drawn_at = True, time.monotonic()
