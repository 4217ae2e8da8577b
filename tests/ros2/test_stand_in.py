"""The stand-in has what rclpy has; where rclpy is installed it is asked itself."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

from tests.support.ros2 import stand_in
from tests.support.ros2.definitions import STORE, message_class
from tests.support.ros2.real import USED

OURS = {
    "rclpy.node:Node": stand_in.Node,
    "rclpy.executors:SingleThreadedExecutor": stand_in.SingleThreadedExecutor,
    "rclpy.qos:QoSProfile": stand_in.QoSProfile,
}


def takes(owner: Any, name: str, words: tuple[str, ...]) -> None:
    known = inspect.signature(getattr(owner, name)).parameters
    assert set(words) <= set(known), f"{name}{tuple(known)}"


@pytest.mark.parametrize("place", OURS)
def test_the_stand_in_is_called_by_the_same_words(place: str) -> None:
    for name, words in USED[place].items():
        takes(OURS[place], name, words)


@pytest.mark.skipif(find_spec("rclpy") is None, reason="the extra `ros2` is not installed")
@pytest.mark.parametrize("place", USED)
def test_rclpy_is_called_by_words_that_it_knows(place: str) -> None:
    module, _, name = place.partition(":")
    owner = import_module(module)
    owner = getattr(owner, name) if name else owner
    for function, words in USED[place].items():
        takes(owner, function, words)


@pytest.mark.skipif(find_spec("rclpy") is None, reason="the extra `ros2` is not installed")
def test_installed_messages_have_the_fields_of_the_definitions() -> None:
    for kind in STORE.fielddefs:
        package, _, name = kind.partition("/msg/")
        if package not in ("sensor_msgs", "nav_msgs", "geometry_msgs", "std_msgs"):
            continue
        real = getattr(import_module(f"{package}.msg"), name, None)
        if real is not None:
            fields = real.get_fields_and_field_types()
            ours = set(message_class(kind).FIELDS) - {"structure_needs_at_least_one_member"}
            assert ours <= set(fields), kind
