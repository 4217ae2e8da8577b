"""What would have come of a lost frame that was looked for where it is."""

from __future__ import annotations

import dataclasses

import numpy as np
from measures.rgbd.lost_frames import DARK, MISSED, UNBELIEVED, UNKNOWN, WRONG, end_of

from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin
from mapper.frontends.rgbd.view import View
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room

CONFIG = RgbdConfig()


def test_each_end_that_a_lost_frame_may_have(room: Room) -> None:
    def view(index: int, dark: bool = False) -> View:
        frame = room.frame(index)
        assert frame.depth is not None
        depth = frame.depth * np.float32(not dark)
        return View.of(dataclasses.replace(frame, depth=depth), OrbMatcher())

    track, there = begin(view(0)), room.relative(0, 4)
    strict = dataclasses.replace(CONFIG, lost_translation=1e-6)
    assert end_of(track, view(4, dark=True), there, CONFIG) == DARK
    assert end_of(track, view(120), there, CONFIG) == UNBELIEVED
    assert end_of(track, view(4), there, strict) == UNKNOWN
    assert end_of(track, view(4), there, CONFIG) == MISSED
    beside = there.copy()
    beside[0, 3] += 0.11  # said to be where it is not: alignment goes where it is
    assert end_of(track, view(4), beside, CONFIG) in (WRONG, UNBELIEVED)
