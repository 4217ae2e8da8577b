"""ROS 2's client library and its messages, which are loaded here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from mapper.errors import ConfigError

NANOSECONDS: Final = 10**9  # a second
MISSING: Final = (
    "ROS 2 is not at hand ({error}): source /opt/ros/DISTRIBUTION/setup.bash of one that has this "
    "Python, {python}, or pip install '.[ros2]' (docs/ros2.md)"
)


@dataclass(frozen=True, slots=True)
class Ros2:
    """Modules of rclpy and of messages. tf: tf2_msgs.msg; None where it is not installed."""

    rclpy: ModuleType
    qos: ModuleType
    executors: ModuleType
    signals: ModuleType
    builtin: Any
    std: Any
    geometry: Any
    sensor: Any
    nav: Any
    tf: Any | None

    def header(self, stamp: int, frame: str) -> Any:
        """std_msgs/Header. stamp: nanoseconds."""
        time = self.builtin.Time(sec=stamp // NANOSECONDS, nanosec=stamp % NANOSECONDS)
        return self.std.Header(stamp=time, frame_id=frame)

    def latched(self, depth: int = 1) -> Any:
        """The quality of service of what whoever comes later is still to get."""
        return self.qos.QoSProfile(
            depth=depth,
            reliability=self.qos.ReliabilityPolicy.RELIABLE,
            durability=self.qos.DurabilityPolicy.TRANSIENT_LOCAL,
        )

    @property
    def sensor_data(self) -> Any:
        """Of images: what is lost is not sent again; it goes with reliable publishers too."""
        return self.qos.qos_profile_sensor_data


def stamp_of(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return int(header.stamp.sec) * NANOSECONDS + int(header.stamp.nanosec)


def load_ros2() -> Ros2:
    """ConfigError, in a line that says how to come by it, where it is not installed."""
    import platform

    try:
        import builtin_interfaces.msg
        import geometry_msgs.msg
        import nav_msgs.msg
        import rclpy
        import rclpy.executors
        import rclpy.qos
        import rclpy.signals
        import sensor_msgs.msg
        import std_msgs.msg
    except ImportError as error:
        reason = " ".join(str(error).split())[:120]
        raise ConfigError(MISSING.format(error=reason, python=platform.python_version())) from error
    return Ros2(
        rclpy,
        rclpy.qos,
        rclpy.executors,
        rclpy.signals,
        builtin_interfaces.msg,
        std_msgs.msg,
        geometry_msgs.msg,
        sensor_msgs.msg,
        nav_msgs.msg,
        _transforms(),
    )


def _transforms() -> Any | None:
    try:
        import tf2_msgs.msg
    except ImportError:
        return None
    return tf2_msgs.msg
