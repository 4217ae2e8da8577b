"""What is seen from one place alone counts for neither of two places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.vision.alignment_evidence import Comparison
from mapper.vision.doubt.common_view import advantage, share_inside
from tests.support.room_views import Room, pyramid_of


def test_the_right_place_explains_more_than_one_beside_it(room: Room) -> None:
    compared = Comparison.of(pyramid_of(room.frame(0)), pyramid_of(room.frame(4)))
    right = room.relative(0, 4)
    beside = right @ exp_se3(np.array([0, 0, 0, 0.2, 0, 0]))
    assert advantage(compared, right, beside) > 5.0
    assert np.isclose(advantage(compared, right, beside), -advantage(compared, beside, right))
    assert advantage(compared, right, right) == 0.0


def test_a_place_that_shows_nothing_again_has_no_disadvantage(room: Room) -> None:
    """Turned round, nothing of the view is in both: what the right place explains is its own."""
    compared = Comparison.of(pyramid_of(room.frame(0)), pyramid_of(room.frame(4)))
    right = room.relative(0, 4)
    away = right @ exp_se3(np.array([0, np.pi, 0, 0, 0, 0]))
    assert compared.score(right) - compared.score(away) > 5.0
    assert abs(advantage(compared, right, away)) < 5.0


def test_holes_in_the_reference_take_nothing_from_what_lands_in_its_image(room: Room) -> None:
    frame = room.frame(0)
    assert frame.depth is not None
    holes = frame.depth * (np.arange(frame.depth.shape[1]) % 16 < 8)
    sparse, whole = pyramid_of(replace(frame, depth=holes)), pyramid_of(frame)
    assert share_inside(sparse, whole, np.eye(4)) == 1.0
    aside = exp_se3(np.array([0, np.radians(20), 0, 0, 0, 0]))
    turned = share_inside(whole, whole, aside)
    assert 0.4 < turned < 0.8
    assert abs(share_inside(sparse, whole, aside) - turned) < 0.01
    away = exp_se3(np.array([0, np.pi, 0, 0, 0, 0]))
    assert share_inside(whole, whole, away) == 0.0
