"""How a small network is judged, on what is known of made-up answers."""

from __future__ import annotations

import numpy as np
import pytest
from measures.mini_clips import Clip, room_clips
from measures.minis import depths_off, off, seen_clips, true_depth, turned

from mapper.config.settings import MapperConfig
from mapper.core.frame import Frame
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.train.data.room_files import RoomFiles

CAMERA = Intrinsics(20, 20, 4, 3, 8, 6)


def answer(index: int, depth: np.ndarray, T: np.ndarray) -> Prediction:
    points = np.stack([np.zeros_like(depth), np.zeros_like(depth), depth], -1)
    image = np.zeros((*depth.shape, 3), np.uint8)
    return Prediction(index, index / 30, points, np.ones_like(depth), T, CAMERA, image, False)


def turning(degrees: float, count: int = 4) -> np.ndarray:
    T = np.tile(np.eye(4), (count, 1, 1))
    for k in range(count):
        angle = np.radians(degrees * k)
        T[k, :2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return T


def test_rotation_is_judged_between_neighbours() -> None:
    assert turned(turning(7.0), turning(10.0)) == pytest.approx(3.0)
    still = np.broadcast_to(np.eye(4), (4, 4, 4))
    assert turned(still, turning(10.0)) == pytest.approx(10.0)


def test_depth_is_judged_up_to_one_scale_where_both_are_known() -> None:
    true = np.full((12, 16), 2.0, np.float32)
    true[:, 8:] = 4.0
    true[0] = 0
    said = answer(0, 5 * true_depth(answer(0, np.ones((6, 8), np.float32), np.eye(4)), true),
                  np.eye(4))  # fmt: skip
    depth, flat = depths_off(said, true)
    assert depth == pytest.approx(0, abs=1e-6) and flat > 0.2


def test_a_path_is_judged_up_to_a_similarity() -> None:
    true = np.tile(np.eye(4), (5, 1, 1))
    true[:, :3, 3] = np.random.default_rng(0).standard_normal((5, 3))
    scaled = true.copy()
    scaled[:, :3, 3] = 3 * true[:, :3, 3] + 1
    assert off(scaled, true) < 1e-9
    assert np.isnan(off(scaled, np.tile(np.eye(4), (5, 1, 1))))


class Truthful:
    """Says the truth of a clip, depth in halves."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def reset(self) -> None:
        """Nothing is remembered."""

    def step(self, frame: Frame) -> list[Prediction]:
        depth = (self._clip.depths[frame.index] / 2).astype(np.float32)
        return [answer(frame.index, depth, self._clip.T_world_camera[frame.index])]


def test_who_says_the_truth_of_a_room_has_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    (clip,) = room_clips(RoomFiles("validation", (28, 21), 4), range(2, 3), 2)
    assert len(clip.frames) == 2 and all(frame.depth is None for frame in clip.frames)
    monkeypatch.setattr("measures.minis.frontend_of", lambda config: Truthful(clip))
    (seen,) = seen_clips(MapperConfig(), [clip])
    assert seen.depth < 1e-6 and seen.rotation < 1e-6
    assert seen.flat > 0 and seen.name == "validation 2"
