"""Between frontend and backend: networks begin anew, saved predictions get a new segment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.config.settings import MapperConfig
from mapper.core.depth_noise import LEARNED
from mapper.core.frame import Frame
from mapper.core.prediction import Prediction
from mapper.frontends.base import TrackingState
from mapper.slam.mapper import Mapper
from mapper.watchman.config import WatchmanConfig
from mapper.watchman.guard import Guard
from tests.support.room_views import Room

BAD = 6  # the frame at which the network's scale halves


class Network:
    """Sees the room's views in turn; from frame BAD on its scale is half until it is reset."""

    is_metric = False

    def __init__(self, room: Room, name: str) -> None:
        self.name, self._room = name, room
        self.state = TrackingState.TRACKING
        self.values: dict[str, float] = {}
        self.segment, self.scale, self.first = 0, 1.0, 0
        self.shown: list[int] = []
        self.said: Prediction | None = None  # in place of what it sees

    def step(self, frame: Frame) -> list[Prediction]:
        self.state, self.values = TrackingState.TRACKING, {}
        self.shown.append(frame.index)
        if self.said is not None:
            return [self.said]
        if frame.index == BAD and self.segment == 0:
            self.scale = 0.5
        T = self._room.relative(self.first, frame.index)
        prediction = self._room.prediction(frame.index, T, self.segment)
        pointmap = prediction.pointmap * np.float32(self.scale)
        said = replace(prediction, pointmap=pointmap, is_metric=False, noise=LEARNED)
        return [replace(said, frame_index=frame.index)]

    def flush(self) -> list[Prediction]:
        return []

    def reset(self) -> None:
        self.segment, self.scale = self.segment + 1, 1.0


def run(network: Network, guard: Guard, room: Room, count: int = 12) -> list[Prediction]:
    frames = [replace(room.frame(i), index=i) for i in range(count)]
    return [p for frame in frames for p in guard.step(network, frame)]


def test_a_network_is_reset_and_shown_the_last_good_frame_again(room: Room) -> None:
    network, guard = Network(room, "cut3r"), Guard(WatchmanConfig(enabled=True))
    passed = run(network, guard, room)
    (event,) = guard.events
    assert BAD <= event.frame_index <= BAD + 3
    # A lost scale is sure at its second frame: the first one is shown again too.
    assert network.shown[BAD - 1 :][:6] == [BAD - 1, BAD, BAD + 1, BAD - 1, BAD, BAD + 1]
    shared = [p.segment for p in passed if p.frame_index == BAD - 1]
    assert shared == [0, 1] and passed[-1].segment == 1
    assert [p.segment for p in passed if p.frame_index == BAD] == [1]
    assert guard.notes() and guard.metrics()["watchman"][0]["fault"] == "scale"


def test_saved_predictions_go_on_in_a_new_segment(room: Room) -> None:
    network, guard = Network(room, "predictions"), Guard(WatchmanConfig(enabled=True))
    passed = run(network, guard, room)
    (event,) = guard.events
    assert len(passed) == 13  # the last good frame is in both segments
    assert event.frame_index == BAD + 1
    assert [p.segment for p in passed if p.frame_index == BAD - 1] == [0, 1]
    assert [p.segment for p in passed if p.frame_index == BAD] == [1]  # it waited
    assert [p.segment for p in passed] == sorted(p.segment for p in passed)
    assert passed[-1].segment == 1 and network.segment == 0
    resumed = Guard(WatchmanConfig(enabled=True))
    resumed.restore(guard.note())
    (later,) = resumed.step(network, replace(room.frame(12), index=12))
    assert later.segment == 1


@pytest.mark.parametrize("name", ["rgbd", "mono", "of another package"])
def test_other_frontends_are_not_watched(room: Room, name: str) -> None:
    network, guard = Network(room, name), Guard(WatchmanConfig(enabled=True))
    assert len(run(network, guard, room)) == 12 and not guard.events
    off = Guard(WatchmanConfig(enabled=False))
    assert len(run(Network(room, "cut3r"), off, room)) == 12 and not off.events


def test_a_standing_camera_opens_one_keyframe_in_a_thousand_frames(room: Room) -> None:
    config = MapperConfig(threads=False, watchman=WatchmanConfig(enabled=True))
    network = Network(room, "predictions")
    view = room.frame(0)
    rng = np.random.default_rng(1)
    shown = network.step(replace(view, index=0))[0]
    noise = rng.normal(0, 2, (20, *shown.image.shape))
    images = np.clip(shown.image + noise, 0, 255).astype(np.uint8)
    with Mapper(config, frontend=network) as mapper:
        for index in range(1000):
            drift = np.eye(4)
            drift[:3, 3] = 0.002 * index
            said = replace(shown, frame_index=index, timestamp=index / 30, T_world_camera=drift)
            told = replace(said, image=images[rng.integers(20)])
            network.said = told
            mapper.step(replace(view, index=index, timestamp=index / 30))
        result = mapper.finish()
    assert len(result.keyframe_ids) == 1 and len(result.frame_indices) == 1000
    places = result.trajectory.T_world_camera[:, :3, 3]
    assert np.ptp(places, axis=0).max() < 0.02
