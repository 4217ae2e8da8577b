"""Parameters are checked before anything is mapped."""

from __future__ import annotations

import pytest

from mapper.errors import ConfigError
from mapper.io.ros2.node import RosNode
from mapper.io.ros2.parameters import NodeParameters

pytest.importorskip("rosbags", reason="the extra `ros` is not installed")

from tests.support.ros2.stand_in import install


def test_what_is_given_goes_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = install(monkeypatch)
    with RosNode(["-p", "use_depth:=false", "-p", "base_frame:=base_link"]) as node:
        assert node.parameters == NodeParameters(use_depth=False, base_frame="base_link")
        assert graph.is_up
    assert not graph.is_up


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-p", "tf:=all"], "unknown value of the parameter tf"),
        (["-p", "slop:=-1.0"], "slop must not be negative"),
        (["-p", "grid_high:=0.1"], "a cell above grid_low"),
        (["-p", "map_period:=soon"], "the parameter map_period: .*float"),
        (["--nonsense"], "--ros-args --nonsense: .*unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(
    words: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = install(monkeypatch)
    with pytest.raises(ConfigError, match=reason):
        RosNode(words)
    assert not graph.is_up


def test_without_ros_the_line_says_how_to_come_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, without=("rclpy",))
    with pytest.raises(ConfigError, match=r"setup\.bash.*'\.\[ros2\]'") as caught:
        RosNode()
    assert "\n" not in str(caught.value)
