"""A stand-in for rclpy in one process: topics, remappings, parameters, qualities of service."""

from __future__ import annotations

import queue
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.support.ros2.definitions import Message, message_module, sent

PACKAGES = (
    "builtin_interfaces",
    "std_msgs",
    "geometry_msgs",
    "sensor_msgs",
    "nav_msgs",
    "tf2_msgs",
)
ReliabilityPolicy = Enum("ReliabilityPolicy", "RELIABLE BEST_EFFORT")
DurabilityPolicy = Enum("DurabilityPolicy", "VOLATILE TRANSIENT_LOCAL")
SignalHandlerOptions = Enum("SignalHandlerOptions", "NO ALL")


class QoSProfile:
    """What of it matters here: who hears whom, and who gets what was said before."""

    def __init__(
        self,
        *,
        depth: int,
        reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
        durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
    ) -> None:
        self.depth, self.reliability, self.durability = depth, reliability, durability

    def serves(self, other: QoSProfile) -> bool:
        """Whether a publisher of this quality is heard by a subscription of the other one."""
        lossy = self.reliability == ReliabilityPolicy.BEST_EFFORT
        wants = other.reliability == ReliabilityPolicy.RELIABLE
        volatile = self.durability == DurabilityPolicy.VOLATILE
        wants_past = other.durability == DurabilityPolicy.TRANSIENT_LOCAL
        return not (lossy and wants) and not (volatile and wants_past)


SENSOR_DATA = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


def _profile(given: QoSProfile | int) -> QoSProfile:
    return QoSProfile(depth=given) if isinstance(given, int) else given


@dataclass
class Graph:
    """All topics. said: every message of a topic, as it arrives. words: of --ros-args."""

    said: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    remaps: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    subscriptions: list[tuple[type, str, Callable[[Any], None], QoSProfile]] = field(
        default_factory=list
    )
    publishers: list[Publisher] = field(default_factory=list)
    pending: queue.Queue[Callable[[], None]] = field(default_factory=queue.Queue)
    is_up: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def init(self, *, args: list[str], signal_handler_options: SignalHandlerOptions) -> None:
        assert not self.is_up and signal_handler_options == SignalHandlerOptions.NO
        words = iter(args)
        assert next(words, "--ros-args") == "--ros-args"
        for word in words:
            if word not in ("-r", "-p"):
                raise RuntimeError(f"unknown ROS argument {word}")
            name, _, value = next(words).partition(":=")
            if word == "-r":
                self.remaps[_full(name)] = _full(value)
            else:
                self.overrides[name] = _value(value)
        self.is_up = True

    def shutdown(self) -> None:
        assert self.is_up
        self.is_up = False

    def publisher(self, kind: type, topic: str, quality: QoSProfile | int) -> Publisher:
        made = Publisher(self, kind, topic, _profile(quality))
        self.publishers.append(made)
        return made

    def subscribe(
        self, kind: type, topic: str, take: Callable[[Any], None], quality: QoSProfile | int
    ) -> None:
        profile = _profile(quality)
        with self.lock:
            self.subscriptions.append((kind, topic, take, profile))
            for publisher in self.publishers:
                late = profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
                if publisher.topic == topic and late and publisher.quality.serves(profile):
                    for message in self.said[topic][-publisher.quality.depth :]:
                        self.pending.put(partial(take, message))


@dataclass
class Publisher:
    graph: Graph
    kind: type
    topic: str
    quality: QoSProfile

    def publish(self, msg: Message) -> None:
        assert isinstance(msg, self.kind), f"{self.topic} carries {self.kind.__name__}"
        arrived = sent(msg)
        with self.graph.lock:
            self.graph.said[self.topic].append(arrived)
            for kind, topic, take, quality in self.graph.subscriptions:
                if topic == self.topic and self.quality.serves(quality):
                    assert kind is self.kind
                    self.graph.pending.put(partial(take, arrived))


class Node:
    def __init__(self, graph: Graph, node_name: str) -> None:
        self._graph, self._name = graph, node_name

    def declare_parameter(self, name: str, value: Any) -> Any:
        given = self._graph.overrides.get(name, value)
        if type(given) is not type(value):
            raise TypeError(f"{given!r} is not of type {type(value).__name__}")
        return SimpleNamespace(value=given)

    def create_subscription(
        self, msg_type: type, topic: str, callback: Callable[[Any], None], qos_profile: Any
    ) -> None:
        self._graph.subscribe(msg_type, self.resolve_topic_name(topic), callback, qos_profile)

    def create_publisher(self, msg_type: type, topic: str, qos_profile: Any) -> Publisher:
        return self._graph.publisher(msg_type, self.resolve_topic_name(topic), qos_profile)

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        full = _full(topic.replace("~", f"/{self._name}", 1))
        return full if only_expand else self._graph.remaps.get(full, full)

    def count_publishers(self, topic_name: str) -> int:
        return sum(publisher.topic == topic_name for publisher in self._graph.publishers)

    def destroy_node(self) -> None:
        self._graph.subscriptions.clear()


class SingleThreadedExecutor:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def add_node(self, node: Node) -> bool:
        return True

    def spin_once(self, timeout_sec: float | None = None) -> None:
        try:
            call = self._graph.pending.get(timeout=timeout_sec)
        except queue.Empty:
            return
        call()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        return True


def install(monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...] = ()) -> Graph:
    """Put the stand-in where rclpy would be. without: packages that are not installed."""
    graph = Graph()
    modules: dict[str, Any] = {
        "rclpy": SimpleNamespace(
            init=graph.init,
            shutdown=graph.shutdown,
            create_node=lambda node_name: Node(graph, node_name),
        ),
        "rclpy.qos": SimpleNamespace(
            QoSProfile=QoSProfile,
            ReliabilityPolicy=ReliabilityPolicy,
            DurabilityPolicy=DurabilityPolicy,
            qos_profile_sensor_data=SENSOR_DATA,
        ),
        "rclpy.executors": SimpleNamespace(
            SingleThreadedExecutor=lambda: SingleThreadedExecutor(graph)
        ),
        "rclpy.signals": SimpleNamespace(SignalHandlerOptions=SignalHandlerOptions),
    }
    for name in ("qos", "executors", "signals"):
        setattr(modules["rclpy"], name, modules[f"rclpy.{name}"])
    for package in PACKAGES:
        modules[package] = top = ModuleType(package)
        modules[f"{package}.msg"] = top.msg = message_module(package)  # type: ignore[attr-defined]
    for name, module in modules.items():
        hidden = name.partition(".")[0] in without
        monkeypatch.setitem(sys.modules, name, None if hidden else module)
    return graph


def _full(topic: str) -> str:
    return topic if topic.startswith("/") else f"/{topic}"


def _value(text: str) -> Any:
    """As YAML has it, which is how ROS reads parameters."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("'\"")
