"""What is known of poses and maps, as messages of ROS 2."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mapper.core.geometry import pose_to_quaternion_xyzw
from mapper.io.ros2.library import Ros2
from mapper.io.ros2.odometry import PlacedFrame

POINT: Final = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])


def pose_message(ros: Ros2, T: np.ndarray) -> Any:
    """geometry_msgs/Pose of (4, 4)."""
    x, y, z = (float(value) for value in T[:3, 3])
    return ros.geometry.Pose(
        position=ros.geometry.Point(x=x, y=y, z=z), orientation=_quaternion(ros, T)
    )


def transform_message(ros: Ros2, stamp: int, frames: tuple[str, str], T: np.ndarray) -> Any:
    """geometry_msgs/TransformStamped. frames: parent and child. T: T_parent_child (4, 4)."""
    x, y, z = (float(value) for value in T[:3, 3])
    return ros.geometry.TransformStamped(
        header=ros.header(stamp, frames[0]),
        child_frame_id=frames[1],
        transform=ros.geometry.Transform(
            translation=ros.geometry.Vector3(x=x, y=y, z=z), rotation=_quaternion(ros, T)
        ),
    )


def odometry_message(ros: Ros2, placed: PlacedFrame, frames: tuple[str, str]) -> Any:
    """nav_msgs/Odometry. frames: odom and base."""
    geometry = ros.geometry
    (vx, vy, vz), (wx, wy, wz) = placed.velocity[:3].tolist(), placed.velocity[3:].tolist()
    return ros.nav.Odometry(
        header=ros.header(placed.stamp, frames[0]),
        child_frame_id=frames[1],
        pose=geometry.PoseWithCovariance(
            pose=pose_message(ros, placed.T_odom_base), covariance=placed.covariance.ravel()
        ),
        twist=geometry.TwistWithCovariance(
            twist=geometry.Twist(
                linear=geometry.Vector3(x=vx, y=vy, z=vz),
                angular=geometry.Vector3(x=wx, y=wy, z=wz),
            ),
            covariance=placed.velocity_covariance.ravel(),
        ),
    )


def path_message(ros: Ros2, frame: str, stamp: int, poses: Sequence[tuple[int, np.ndarray]]) -> Any:
    """nav_msgs/Path. poses: nanoseconds and T_map_base (4, 4) each."""
    stamped = [
        ros.geometry.PoseStamped(header=ros.header(at, frame), pose=pose_message(ros, T))
        for at, T in poses
    ]
    return ros.nav.Path(header=ros.header(stamp, frame), poses=stamped)


def cloud_message(ros: Ros2, frame: str, stamp: int, points: np.ndarray, colors: np.ndarray) -> Any:
    """sensor_msgs/PointCloud2 with x, y, z and rgb. points: (N, 3). colors: uint8 (N, 3)."""
    packed = np.empty(len(points), POINT)
    packed["x"], packed["y"], packed["z"] = points.T
    red, green, blue = colors.T.astype(np.uint32)
    packed["rgb"] = red << 16 | green << 8 | blue
    field = ros.sensor.PointField
    fields = [
        field(name=name, offset=4 * place, datatype=field.FLOAT32, count=1)
        for place, name in enumerate(POINT.names or ())
    ]
    return ros.sensor.PointCloud2(
        header=ros.header(stamp, frame),
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=POINT.itemsize,
        row_step=POINT.itemsize * len(points),
        data=array.array("B", packed.tobytes()),
        is_dense=True,
    )


def grid_message(
    ros: Ros2, frame: str, stamp: int, cells: np.ndarray, T_map_corner: np.ndarray, side: float
) -> Any:
    """nav_msgs/OccupancyGrid. cells: int8 (Y, X), -1 unknown, 0 free, 100 occupied.

    T_map_corner: (4, 4), the lower corner of the first cell. side: metres a cell.
    """
    height, width = cells.shape
    header = ros.header(stamp, frame)
    return ros.nav.OccupancyGrid(
        header=header,
        info=ros.nav.MapMetaData(
            map_load_time=header.stamp,
            resolution=float(side),
            width=width,
            height=height,
            origin=pose_message(ros, T_map_corner),
        ),
        data=array.array("b", np.ascontiguousarray(cells, np.int8).tobytes()),
    )


def _quaternion(ros: Ros2, T: np.ndarray) -> Any:
    x, y, z, w = (float(value) for value in pose_to_quaternion_xyzw(T))
    return ros.geometry.Quaternion(x=x, y=y, z=z, w=w)
