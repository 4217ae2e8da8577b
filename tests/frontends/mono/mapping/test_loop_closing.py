"""A camera that goes there and back: what ties both ways, and what only seems to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.mapping.local_map import LocalMap
from mapper.frontends.mono.mapping.loop_closing import close_loops
from mapper.frontends.mono.mapping.loops import Loop, observe_loops
from mapper.frontends.mono.tracking.levels import Levels
from tests.support.sparse_scene import LENS, pixels_of

WAY, NOISE, REACH = 10, 0.5, 3
GREY = Levels.of_grey(np.zeros((LENS.height, LENS.width), np.uint8))


class ThereAndBack:
    """WAY keyframes to the right and as many back; neither way sees the points of the other."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(1)
        steps = [*range(WAY), *range(WAY - 1, -1, -1)]
        self.poses = [
            moved_pose(np.array([0, -0.01, 0, -0.12, 0, 0]) * s, np.eye(3, 4)) for s in steps
        ]
        self.map = LocalMap(LENS)
        self.places: dict[int, np.ndarray] = {}
        self.ids = [np.zeros(0, np.int64)] * (2 * WAY)
        for number, T in enumerate(self.poses):
            self.map.keyframes.add(10 * number, T, GREY)
        for first in range(-REACH, 2 * WAY):
            self._see_some(range(max(first, 0), min(first + 2 * REACH, 2 * WAY)))
        self.map.adjust_all(20, None)

    def _see_some(self, views: range, count: int = 25) -> None:
        """Points before the cameras, seen by some in a row."""
        inside = self.rng.uniform([-0.5, -0.4, 1], [0.5, 0.4, 1], (count, 3))
        inside *= self.rng.uniform(1.5, 4.0, (count, 1))
        T = self.poses[views[len(views) // 2]]
        places = (inside - T[:, 3]) @ T[:, :3]
        ids = self.map.points.add(views[0], np.zeros((count, 2)))
        self.map.points.place(ids, places + 0.01 * self.rng.standard_normal(places.shape))
        self.places.update(zip(ids.tolist(), places, strict=True))
        for view in views:
            self.ids[view] = np.concatenate([self.ids[view], ids])
            pixels = self.seen(view, ids)
            self.map.observe(self.map.keyframes[view], ids, pixels, np.ones(count))

    def seen(self, view: int, ids: np.ndarray) -> np.ndarray:
        """Pixels (N, 2), with noise."""
        places = np.stack([self.places[i] for i in ids.tolist()])
        exact = pixels_of(LENS, self.poses[view], places)
        return np.asarray(exact + NOISE * self.rng.standard_normal(exact.shape))

    def loop(self, earlier: int) -> Loop:
        """The keyframe that came back there sees what was seen from there."""
        later = 2 * WAY - 1 - earlier
        ids = self.ids[earlier]
        return Loop(earlier, later, ids, self.seen(later, ids), np.ones(len(ids)))

    def off(self) -> float:
        """Of the last camera from where it is, which is where the first is."""
        return float(np.linalg.norm(self.map.keyframes[2 * WAY - 1].T[:, 3]))


@pytest.fixture
def made() -> ThereAndBack:
    return ThereAndBack()


def test_right_loops_are_taken_and_bring_the_ends_together(made: ThereAndBack) -> None:
    loops = [made.loop(view) for view in (0, 2, 4)]
    assert close_loops(made.map, loops, None) == loops
    before = made.off()
    observe_loops(made.map, loops)
    made.map.adjust_all(20, None)
    assert made.off() < before / 2 and made.off() < 0.004


def test_looking_changes_nothing(made: ThereAndBack) -> None:
    poses, count = made.map.keyframes.poses.copy(), len(made.map.keyframes[19].ids)
    close_loops(made.map, [made.loop(0)], None)
    assert np.array_equal(made.map.keyframes.poses, poses)
    assert len(made.map.keyframes[19].ids) == count


@pytest.mark.parametrize("by", [-1, -2, -6])
def test_a_loop_of_the_next_keyframe_is_not_taken(made: ThereAndBack, by: int) -> None:
    right = made.loop(1)
    assert close_loops(made.map, [replace(right, later=right.later + by)], None) == []


def test_wrong_loops_are_given_up_and_the_right_ones_stay(made: ThereAndBack) -> None:
    right = [made.loop(view) for view in (0, 2, 4)]
    wrong = replace(made.loop(3), later=2 * WAY - 1)
    assert close_loops(made.map, [wrong, *right], None) == right


def test_without_loops_there_is_nothing_to_take(made: ThereAndBack) -> None:
    assert close_loops(made.map, [], None) == []
