"""The keyframe loop around a network that knows the truth up to scale, for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mapper.core.geometry import inverse, pose
from mapper.core.intrinsics import Intrinsics
from mapper.frontends.keyframe_loop.config import LoopRules
from mapper.frontends.keyframe_loop.stream import (
    NOMINAL_DEPTH,
    KeyframeStream,
    Limits,
    Streamed,
    Together,
)

CAMERA = Intrinsics(40.0, 40.0, 23.5, 15.5, 48, 32)
RULES = LoopRules(first=6, every=3)


def truth(number: int) -> np.ndarray:
    """T_world_camera: along a wall that is 3 away, turning a little."""
    turn = Rotation.from_rotvec([0, 0.1 * np.sin(number / 5), 0]).as_matrix()
    return pose(turn, np.array([0.12 * number, 0.05 * np.sin(number), 0.0]))


def wall(number: int) -> np.ndarray:
    """Depth (32, 48) of a wall with a swell."""
    T = truth(number)
    v, u = np.mgrid[0:32, 0:48]
    rays = np.stack([(u - 23.5) / 40, (v - 15.5) / 40, np.ones(u.shape)], -1) @ T[:3, :3].T
    reach = 3.0 / rays[..., 2]
    x = T[0, 3] + reach * rays[..., 0]
    return ((3.0 + 0.3 * np.sin(2 * x) - T[2, 3]) / rays[..., 2]).astype(np.float32)


@dataclass
class Known:
    """Answers in the first view's frame, in a scale that is another one at each call."""

    calls: list[list[int]] = field(default_factory=list)
    owned: list[int] = field(default_factory=list)
    broken: int = -1  # the call that is not finite

    def own(self, image: np.ndarray) -> int:
        number = int(image[0, 0, 0])
        self.owned.append(number)
        return number

    def together(
        self, views: Sequence[int], cameras: Sequence[Intrinsics | None], wanted: int
    ) -> Together | None:
        self.calls.append(list(views))
        if len(self.calls) - 1 == self.broken:
            return None
        scale = 0.3 + 0.2 * len(self.calls)
        T = inverse(truth(views[0])) @ np.stack([truth(view) for view in views])
        T[:, :3, 3] *= scale
        depth = scale * np.stack([wall(view) for view in views[-wanted:]])
        known = [camera or CAMERA for camera in cameras]
        return Together(T, known, depth, np.full(depth.shape, 2.0, np.float32), depth[:, 0, :4])


def run(network: Known, frames: int, rules: LoopRules, limits: Limits) -> list[Streamed]:
    stream = KeyframeStream(network, rules, limits)
    answers = []
    for number in range(frames):
        answers += stream.step(np.full((32, 48, 3), number, np.uint8))
    return answers + stream.flush()


@pytest.mark.parametrize("anchors", [0, 1, 2])
def test_calls_in_scales_of_their_own_become_one_map(anchors: int) -> None:
    network = Known()
    answers = run(network, 40, RULES, Limits(anchors=anchors))
    assert [a.number for a in answers] == list(range(40))
    scale = NOMINAL_DEPTH / np.median(np.stack([wall(n) for n in range(6)]))
    for said in answers:
        assert said.T_world_camera is not None and said.depth is not None
        expected = truth(said.number)
        np.testing.assert_allclose(said.T_world_camera[:3, :3], expected[:3, :3], atol=1e-3)
        assert np.abs(said.T_world_camera[:3, 3] - scale * expected[:3, 3]).max() < 0.02
        np.testing.assert_allclose(said.depth, scale * wall(said.number), rtol=5e-3)
    assert network.calls[0] == list(range(6))
    assert network.calls[5][-3:] == [18, 19, 20]
    assert max(len(call) for call in network.calls) <= RULES.most + RULES.every + 1


def test_what_a_frame_shows_by_itself_is_computed_again_only_when_it_comes_back() -> None:
    network = Known()
    run(network, 40, RULES, Limits())
    again = len(network.owned) - len(set(network.owned))
    shown_again = sum(len(call) - RULES.every for call in network.calls[1:])
    assert set(network.owned) == set(range(40))
    assert again < shown_again / 4


def test_what_is_remembered_is_bounded() -> None:
    stream = KeyframeStream(Known(), RULES, Limits(keyframes=15))
    for number in range(80):
        stream.step(np.full((32, 48, 3), number, np.uint8))
        assert len(stream.map.frames) <= 15
        assert len(stream._views) <= 15 + RULES.first
    assert 0 in stream.map.keyframes
    kept = sum(view.kept is not None for view in stream._views.values())
    assert kept <= RULES.most + RULES.every + 1


def test_an_answer_that_is_not_finite_leaves_the_map_as_it_was() -> None:
    network = Known(broken=2)
    answers = run(network, 20, RULES, Limits())
    lost = [a.number for a in answers if a.depth is None]
    assert lost == [9, 10, 11]
    later = next(a for a in answers if a.number == 14)
    scale = NOMINAL_DEPTH / np.median(np.stack([wall(n) for n in range(6)]))
    assert later.T_world_camera is not None
    assert np.abs(later.T_world_camera[:3, 3] - scale * truth(14)[:3, 3]).max() < 0.02


def test_fewer_active_keyframes_are_chosen_among_fewer() -> None:
    rules = LoopRules().with_most(4)
    assert (rules.most, rules.least, rules.nearest) == (4, 4, 2)
    assert LoopRules().with_most(10) == LoopRules()
    network = Known()
    run(network, 40, replace(RULES, first=4).with_most(4), Limits())
    assert max(len(call) for call in network.calls[1:]) <= 4 + RULES.every


def test_fewer_frames_than_a_call_are_answered_at_the_end() -> None:
    network = Known()
    assert [a.number for a in run(network, 1, RULES, Limits())] == [0]
    assert network.calls == [[0]]
