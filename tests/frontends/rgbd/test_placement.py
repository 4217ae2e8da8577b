"""What speaks for a place where there is nothing to see."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.frame import Frame
from mapper.frontends.rgbd import placement
from mapper.frontends.rgbd.config import RgbdConfig
from mapper.frontends.rgbd.following import begin
from mapper.frontends.rgbd.view import View
from mapper.vision.local_features import LocalFeatures
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room
from tests.support.views.bare_walls import wall_frame


class SensorPattern(OrbMatcher):
    """Takes the same pixels of all images for the same things: dirt, or the sensor's pattern."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def match(self, a: LocalFeatures, b: LocalFeatures) -> np.ndarray:
        self.asked += 1
        return np.stack([np.arange(min(len(a), len(b)))] * 2, axis=1)


def asked_of(first: Frame, second: Frame) -> int:
    """How often features were matched to place the second view, which the first did not place."""
    matcher = SensorPattern()
    track = begin(View.of(first, matcher))
    placement.place(track, View.of(second, matcher), RgbdConfig())
    return matcher.asked


def test_features_say_nothing_where_there_is_no_texture(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "is_clear", lambda *_: False)
    assert asked_of(wall_frame(0, 0.0), wall_frame(1, np.radians(2.0))) == 0
    assert asked_of(room.frame(0), room.frame(1)) > 0
