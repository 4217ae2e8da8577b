"""What is seen from one place alone counts for neither of two places."""

from __future__ import annotations

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.frontends.rgbd.common_view import advantage
from mapper.vision.alignment_evidence import Comparison
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
