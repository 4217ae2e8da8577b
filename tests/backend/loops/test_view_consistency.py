"""Views agree where their surfaces meet and conflict where one looks through the other."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.loops.view_consistency import two_way_consistency, view_overlap
from mapper.core.geometry import pose
from mapper.vision.depth_pyramid import Level
from tests.support.room_views import Room, pyramid_of

NONE = np.zeros((0, 0), np.float32)


def level(depth: np.ndarray | float) -> Level:
    full = np.broadcast_to(np.asarray(depth, np.float32), (60, 80)).copy()
    return Level(full, NONE, NONE, np.array([40.0, 40.0, 39.5, 29.5]))


def moved(x: float = 0.0, z: float = 0.0) -> np.ndarray:
    return pose(np.eye(3), np.array([x, 0, z]))


def test_a_view_agrees_with_itself() -> None:
    for consistency in two_way_consistency(level(2.0), level(2.0), np.eye(4)):
        assert (consistency.overlap, consistency.agreement) == (1.0, 1.0)
        assert consistency.mean_residual < 1e-6


def test_a_wall_seen_from_further_back_agrees_and_tells_its_residual() -> None:
    # b stands 1 m behind a; its wall is measured 10 mm too far.
    forward, backward = two_way_consistency(level(2.0), level(3.01), moved(z=-1.0))
    assert (backward.overlap < 1.0) and forward.overlap == 1.0
    assert forward.agreement == backward.agreement == 1.0
    assert forward.mean_residual == pytest.approx(0.01, abs=1e-5)


def test_moving_aside_by_half_a_view_leaves_half_of_the_overlap() -> None:
    forward, backward = two_way_consistency(level(2.0), level(2.0), moved(x=2.0))
    for consistency in (forward, backward):
        assert consistency.overlap == pytest.approx(0.5, abs=1 / 40)
        assert consistency.agreement == 1.0


# At 2 m readings agree within 4 * 6.1 mm + 30 mm = 54 mm.
@pytest.mark.parametrize(("other", "agreement"), [(2.05, 1.0), (2.08, 0.0), (1.92, 0.0)])
def test_a_doubled_wall_is_a_conflict_from_both_sides(other: float, agreement: float) -> None:
    for consistency in two_way_consistency(level(2.0), level(other), np.eye(4)):
        assert consistency.agreement == agreement


def test_looking_through_a_surface_is_a_conflict_and_hiding_behind_one_is_none() -> None:
    through, hidden = two_way_consistency(level(2.0), level(3.0), np.eye(4))
    b_sees_a, a_sees_b = through, hidden
    assert b_sees_a.agreement == 0.0 and b_sees_a.overlap == 0.0
    assert a_sees_b.overlap == 0.0
    half = np.full((60, 80), 2.0)
    half[:, 40:] = 3.0
    # The right half of a hides a metre behind b: neither for nor against.
    assert view_overlap(level(half), level(2.0), np.eye(4), 1).agreement == 1.0
    assert view_overlap(level(half), level(2.0), np.eye(4), 1).overlap == 0.5


def test_a_view_without_depth_shares_nothing() -> None:
    for a, b in ((0.0, 2.0), (2.0, 0.0), (0.0, 0.0)):
        for consistency in two_way_consistency(level(a), level(b), np.eye(4)):
            assert consistency.overlap == 0.0


def test_true_neighbours_agree_and_a_wrong_pose_does_not(room: Room) -> None:
    a = pyramid_of(room.frame(0)).levels[0]
    b = pyramid_of(room.frame(5)).levels[0]
    right = two_way_consistency(a, b, room.relative(0, 5))
    wrong = two_way_consistency(a, b, room.relative(0, 5) @ moved(x=0.3, z=0.3))
    # 0.9: views 8 cm apart; edges of furniture and holes take the rest.
    assert min(c.agreement for c in right) > 0.9
    assert min(c.agreement for c in wrong) < 0.6
