"""Which views others are placed by."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.frontends.base import TrackingState
from mapper.frontends.rgbd import following
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.frontend import RgbdFrontend
from mapper.frontends.rgbd.track import Track
from mapper.frontends.rgbd.view import PlacedView, View, known
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room


def test_who_sees_much_noise_does_not_begin_anew_with_each_frame(room: Room) -> None:
    """Two views of one place agree in half of their points then, and errors would add up."""
    rng = np.random.default_rng(0)
    frontend, references, shared = RgbdFrontend(), set(), 0.0
    for index in range(8):
        frame = room.frame(index)
        assert frame.depth is not None
        holes = cv2.resize(rng.random((15, 20), np.float32), (320, 240)) < 0.5
        depth = np.where(holes, 0, frame.depth * rng.normal(1, 0.01, holes.shape))
        frontend.step(dataclasses.replace(frame, depth=depth.astype(np.float32)))
        track = frontend.snapshot().track
        assert track is not None and frontend.state == TrackingState.TRACKING
        references.add(track.reference.view.frame_index)
        shared = track.most_shared
    assert 0 < shared < 0.6
    assert len(references) <= 2


@pytest.mark.parametrize(("metres", "asked"), [(0.01, [0, 1]), (0.2, [0])])
def test_a_view_whose_place_is_not_known_places_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch, metres: float, asked: list[int]
) -> None:
    """What is not known of the last view would be forgotten if the next one were placed by it."""
    first, second, third = (View.of(room.frame(i), OrbMatcher()) for i in range(3))
    reference = PlacedView(first, np.eye(4), known(first))
    unsure = PoseUncertainty(0, np.diag([1e-6] * 3 + [metres**2] * 3), is_held=True)
    last = PlacedView(second, room.relative(0, 1), unsure)
    track = Track(reference, last, np.eye(4), unsure.covariance)
    tried: list[int] = []

    def place(track: Track, *_: object) -> None:
        tried.append(track.reference.view.frame_index)

    monkeypatch.setattr(following, "place", place)
    assert following.follow(track, third, RgbdConfig()) is None
    assert tried == asked
