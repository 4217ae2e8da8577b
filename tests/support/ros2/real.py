"""Which of rclpy's names are used, each with the words that it is called by."""

from __future__ import annotations

USED: dict[str, dict[str, tuple[str, ...]]] = {
    "rclpy": {"init": ("args", "signal_handler_options"), "create_node": ("node_name",)},
    "rclpy.node:Node": {
        "create_subscription": ("msg_type", "topic", "callback", "qos_profile"),
        "create_publisher": ("msg_type", "topic", "qos_profile"),
        "declare_parameter": ("name", "value"),
        "resolve_topic_name": ("topic", "only_expand"),
        "count_publishers": ("topic_name",),
        "destroy_node": (),
    },
    "rclpy.executors:SingleThreadedExecutor": {
        "add_node": ("node",),
        "spin_once": ("timeout_sec",),
        "shutdown": ("timeout_sec",),
    },
    "rclpy.qos:QoSProfile": {"__init__": ("depth", "reliability", "durability")},
}
