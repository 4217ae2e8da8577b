"""The node: in the ROS graph from when it is made until it is closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from mapper.errors import ConfigError
from mapper.io.ros2.library import load_ros2
from mapper.io.ros2.parameters import declared_parameters
from mapper.runtime.closing import Closing
from mapper.runtime.patience import told

logger = logging.getLogger(__name__)

NAME: Final = "mapper"
SPIN_S: Final = 0.1  # between looks at whether to stop
JOIN_S: Final = 5.0


class RosNode(Closing):
    """Its callbacks are called in a thread of its own.

    arguments: what follows --ros-args on the command line. Signals stay with the program: a node
    that ROS shut down could not send the map that is settled after Ctrl-C.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.ros = load_ros2()
        self._begin(arguments)
        try:
            self.parameters = declared_parameters(self._node)
        except BaseException:
            self._end()
            raise
        self._stop = threading.Event()
        self._executor = self.ros.executors.SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="mapper-ros2", daemon=True)
        self._thread.start()

    def subscribe(self, kind: Any, topic: str, take: Callable[[Any], None], quality: Any) -> None:
        """take: told of each message; what it raises is logged, and costs that message."""

        def guarded(message: Any) -> None:
            try:
                take(message)
            except Exception as error:
                logger.warning("%s: a message is left out (%s)", topic, told(error))

        self._node.create_subscription(kind, topic, guarded, quality)

    def publisher(self, kind: Any, topic: str, quality: Any) -> Any:
        """Whose publish() sends a message."""
        return self._node.create_publisher(kind, topic, quality)

    def resolved(self, topic: str) -> str:
        """The name of a topic in full, remapped."""
        return str(self._node.resolve_topic_name(topic))

    def expanded(self, topic: str) -> str:
        """The name of a topic in full, as if nothing were remapped."""
        return str(self._node.resolve_topic_name(topic, only_expand=True))

    def publishers_of(self, topic: str) -> int:
        """How many there are of a topic, by its resolved name."""
        return int(self._node.count_publishers(topic))

    def close(self) -> None:
        """Out of the graph; harmless when it is closed."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(JOIN_S)
        self._executor.shutdown()
        self._end()

    def _begin(self, arguments: Sequence[str]) -> None:
        rclpy, signals = self.ros.rclpy, self.ros.signals
        words = ["--ros-args", *arguments] if arguments else []
        try:
            rclpy.init(args=words, signal_handler_options=signals.SignalHandlerOptions.NO)
        except Exception as error:  # rclpy's own, of words that it does not know
            raise ConfigError(f"--ros-args {' '.join(arguments)}: {told(error)}") from error
        try:
            self._node = rclpy.create_node(NAME)
        except Exception as error:
            rclpy.shutdown()
            raise ConfigError(f"the ROS 2 node cannot be made ({told(error)})") from error

    def _end(self) -> None:
        self._node.destroy_node()
        self.ros.rclpy.shutdown()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=SPIN_S)
