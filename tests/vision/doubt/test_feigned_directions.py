"""What noise claims to know of a direction is told from what the views know."""

from __future__ import annotations

import numpy as np

from mapper.core.geometry import exp_se3
from mapper.vision.alignment_evidence import Comparison
from mapper.vision.dense_alignment import AlignmentConfig, align, told_at
from mapper.vision.depth_pyramid import DepthPyramid
from mapper.vision.doubt.feigned_directions import SHIFT, feigned_directions
from tests.support.room_views import Room, pyramid_of
from tests.support.views.bare_walls import corner, wall

CONFIG = AlignmentConfig()


def feigned(
    views: tuple[DepthPyramid, DepthPyramid], T: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the views come to rest, and the twists that they feign to know there, in shifts."""
    T = align(*views, T, CONFIG).S_reference_source
    unit = np.array([1.0] * 3 + [Comparison.of(*views).typical_depth] * 3)
    return T, feigned_directions(views, Comparison.of(*views), T, CONFIG) / (unit * SHIFT)


def test_a_room_full_of_things_claims_what_it_knows(room: Room) -> None:
    views = pyramid_of(room.frame(0)), pyramid_of(room.frame(4))
    assert len(feigned(views, room.relative(0, 4))[1]) == 0


def test_along_an_edge_of_two_bare_walls_nothing_is_known() -> None:
    views = corner(0), corner(1)
    T, twists = feigned(views, np.eye(4))
    assert len(twists) >= 1
    np.testing.assert_allclose(np.linalg.norm(twists, axis=1), 1.0, atol=1e-9)
    up = np.abs(twists[:, 4]).max()  # the camera's y
    assert up > 0.7
    across = exp_se3(np.array([0, 0, 0, 0.03, 0, 0])) @ T
    here, beside = (told_at(*views, at, CONFIG, 1) for at in (T, across))
    assert here is not None and beside is not None
    assert abs(beside[1][3]) > 10 * abs(here[1][3])  # towards the edge it knows


def test_before_one_wall_two_ways_and_a_turn_are_not_known() -> None:
    """Along it, and about its normal: what noise claims is less than three directions at times."""
    found = [len(feigned((wall(2 * s, 0.0), wall(2 * s + 1, 0.0)), np.eye(4))[1]) for s in range(6)]
    assert max(found) <= 3 and min(found) >= 1


def test_views_that_share_nothing_tell_nothing(room: Room) -> None:
    views = pyramid_of(room.frame(0)), pyramid_of(room.frame(4))
    away = exp_se3(np.array([0, np.pi, 0, 0, 0, 0]))
    assert told_at(*views, away, CONFIG, 1) is None
    assert feigned_directions(views, Comparison.of(*views), away, CONFIG).shape == (0, 6)
