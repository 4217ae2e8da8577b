"""The last good frame is found again beside one that jumped or lost its scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.core.depth_noise import LEARNED
from mapper.core.geometry import exp_se3, inverse
from mapper.core.prediction import Prediction
from mapper.watchman.bridge import shown_again
from tests.support.room_views import Room

FAR = 17  # views that no motion does not lead to, but what a network says does
JUMP = exp_se3(np.array([0.3, -0.2, 0.1, 0.8, -0.5, 0.4]))


def said(room: Room, index: int, scale: float, segment: int) -> Prediction:
    """In a world whose unit is `scale` times as long, from the first frame."""
    T = room.relative(0, index)
    T[:3, 3] *= scale
    prediction = room.prediction(index, T, segment)
    pointmap = prediction.pointmap * np.float32(scale)
    return replace(prediction, pointmap=pointmap, is_metric=False, noise=LEARNED)


@pytest.mark.parametrize("scale", [1.0, 0.4, 3.0])
def test_it_is_where_it_was_in_the_world_and_unit_of_what_follows(room: Room, scale: float) -> None:
    last, new = said(room, 5, 1.0, 0), said(room, 6, scale, 1)
    new = replace(new, T_world_camera=JUMP @ new.T_world_camera)
    again = shown_again(last, new)
    assert again is not None
    assert (again.frame_index, again.segment) == (5, 1)
    found = inverse(new.T_world_camera) @ again.T_world_camera
    expected = room.relative(6, 5)
    np.testing.assert_allclose(found[:3, 3] / scale, expected[:3, 3], atol=0.01)
    np.testing.assert_allclose(found[:3, :3], expected[:3, :3], atol=0.005)
    seen = last.depth > 0
    assert np.median(again.depth[seen] / last.depth[seen]) == pytest.approx(scale, rel=0.02)


def test_views_of_other_places_are_not_laid_on_each_other(room: Room) -> None:
    assert shown_again(said(room, 0, 1.0, 0), said(room, 120, 1.0, 1)) is None


def test_nothing_is_told_of_what_has_no_points(room: Room) -> None:
    last, new = said(room, 5, 1.0, 0), said(room, 6, 1.0, 1)
    empty = replace(new, confidence=np.zeros_like(new.confidence))
    assert shown_again(last, empty) is None and shown_again(empty, last) is None


def test_what_lies_too_far_apart_is_found_from_the_motion_that_was_predicted(room: Room) -> None:
    """Where frames between two were left out, as after a collapse."""
    last, new = said(room, 5, 1.0, 0), said(room, FAR, 1.0, 1)
    again = shown_again(last, new)
    assert again is not None
    np.testing.assert_allclose(again.T_world_camera, last.T_world_camera, atol=0.01)
    astray = replace(new, T_world_camera=JUMP @ new.T_world_camera)
    assert shown_again(last, astray) is None
