"""Sends poses and maps into the ROS graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mapper.core.geometry import inverse
from mapper.errors import ConfigError
from mapper.io.ros2.messages import (
    cloud_message,
    grid_message,
    odometry_message,
    path_message,
    transform_message,
)
from mapper.io.ros2.mounting import Mounting
from mapper.io.ros2.node import RosNode
from mapper.io.ros2.odometry import PlacedFrame
from mapper.io.ros2.transforms import OdometryTransforms

TRANSFORMS: Final = "/tf"
NO_TF: Final = "tf2_msgs is not installed, so no transforms can be sent: give tf:=none"
QUEUE: Final = 10
TRANSFORM_QUEUE: Final = 100  # as tf2 has it


class RosPublisher:
    """Whoever looks later gets the last path, cloud and grid all the same.

    Odometry and transforms bear the stamps of the images.
    """

    def __init__(self, node: RosNode, mounting: Mounting) -> None:
        """ConfigError where transforms are asked for that cannot be sent."""
        self._ros, self._parameters, self._mounting = node.ros, node.parameters, mounting
        ros, parameters = node.ros, node.parameters
        self._odometry = node.publisher(ros.nav.Odometry, "~/odom", QUEUE)
        self._path = node.publisher(ros.nav.Path, "~/path", ros.latched())
        self._cloud = node.publisher(ros.sensor.PointCloud2, "~/cloud", ros.latched())
        self._grid = node.publisher(ros.nav.OccupancyGrid, "map", ros.latched())
        self._tf: Any | None = None
        self._others: OdometryTransforms | None = None
        if parameters.tf == "none":
            return
        if ros.tf is None:
            raise ConfigError(NO_TF)
        self._tf = node.publisher(ros.tf.TFMessage, TRANSFORMS, TRANSFORM_QUEUE)
        if parameters.tf == "map":
            self._others = OdometryTransforms(parameters.odom_frame, mounting.base)
            node.subscribe(ros.tf.TFMessage, TRANSFORMS, self._others.take, TRANSFORM_QUEUE)

    def placed(self, frame: PlacedFrame) -> None:
        """Odometry and transforms of a frame."""
        names = self._parameters.odom_frame, self._mounting.base
        self._odometry.publish(odometry_message(self._ros, frame, names))
        links = self._links(frame)
        if self._tf is not None and self._ros.tf is not None and links:
            transforms = [transform_message(self._ros, frame.stamp, names, T) for names, T in links]
            self._tf.publish(self._ros.tf.TFMessage(transforms=transforms))

    def path(self, stamp: int, poses: Sequence[tuple[int, np.ndarray]]) -> None:
        """poses: of keyframes, nanoseconds and T_map_base (4, 4)."""
        self._path.publish(path_message(self._ros, self._parameters.map_frame, stamp, poses))

    def cloud(self, stamp: int, points: np.ndarray, colors: np.ndarray) -> None:
        """points: (N, 3) in the map. colors: uint8 (N, 3), RGB."""
        frame = self._parameters.map_frame
        self._cloud.publish(cloud_message(self._ros, frame, stamp, points, colors))

    def grid(self, stamp: int, cells: np.ndarray, T_map_corner: np.ndarray) -> None:
        """cells: int8 (Y, X), see grid_message."""
        frame, side = self._parameters.map_frame, self._parameters.grid_resolution
        self._grid.publish(grid_message(self._ros, frame, stamp, cells, T_map_corner, side))

    def _links(self, frame: PlacedFrame) -> list[tuple[tuple[str, str], np.ndarray]]:
        """Parent and child with T_parent_child of what is to be sent."""
        map_frame, odom = self._parameters.map_frame, self._parameters.odom_frame
        if self._others is None:
            odom_base = (odom, self._mounting.base), frame.T_odom_base
            return [((map_frame, odom), frame.T_map_odom), odom_base]
        T_odom_base = self._others.at(frame.stamp)
        if T_odom_base is None:
            return []
        T_map_base = frame.T_map_odom @ frame.T_odom_base
        return [((map_frame, odom), T_map_base @ inverse(T_odom_base))]
