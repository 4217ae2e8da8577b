"""Revisits are found by view, and their consistency is the distance of the surfaces."""

from __future__ import annotations

import numpy as np
import pytest
from measures.revisit_consistency import find_revisits, point_to_plane, revisit_consistency

from mapper.core.depth_noise import STRUCTURED_LIGHT, depth_confidence
from mapper.core.geometry import pose
from mapper.vision.depth_pyramid import Level
from tests.support.room_views import Room, pyramid_of


def wall(z: float) -> Level:
    normals = np.broadcast_to(np.array([0, 0, -1], np.float32), (60, 80, 3))
    camera = np.array([40.0, 40.0, 39.5, 29.5])
    return Level(np.full((60, 80), z, np.float32), np.zeros((60, 80), np.float32), normals, camera)


def at(z: float) -> np.ndarray:
    return pose(np.eye(3), np.array([0, 0, z]))


def test_the_distance_is_measured_along_the_normal() -> None:
    distances, points = point_to_plane(wall(2.0), wall(2.03), np.eye(4))
    assert points == 60 * 80 == len(distances)
    np.testing.assert_allclose(distances, 0.03, atol=1e-6)


def test_surfaces_too_far_apart_or_turned_away_do_not_meet() -> None:
    assert len(point_to_plane(wall(2.0), wall(2.2), np.eye(4))[0]) == 0
    away = pose(np.diag([-1.0, 1.0, -1.0]), np.array([0, 0, 4.0]))  # looks at it from behind
    assert len(point_to_plane(wall(2.0), wall(2.0), away)[0]) == 0


def test_consistency_is_the_error_of_the_poses() -> None:
    poses, levels = np.stack([at(0), at(0.02)]), {0: wall(2.0), 1: wall(2.0)}
    found = revisit_consistency(poses, levels, [(0, 1)])
    assert found.pairs == 1 and found.median == pytest.approx(0.02, abs=1e-6)
    assert revisit_consistency(poses[[0, 0]], levels, [(0, 1)]).median < 1e-6


def test_no_revisit_has_no_consistency() -> None:
    found = revisit_consistency(np.stack([at(0)]), {0: wall(2.0)}, [])
    assert found.pairs == 0 and np.isnan(found.median)


def test_the_end_of_the_walk_revisits_its_beginning(room: Room) -> None:
    levels = {i: pyramid_of(room.frame(i)).levels[2] for i in (0, 3, 120, 236, 239)}
    pairs = find_revisits(room.poses, levels, min_gap=100, min_overlap=0.3)
    assert {(0, 236), (0, 239), (3, 239)} <= set(pairs)
    assert not any(120 in pair for pair in pairs)  # the far side of the room
    true = revisit_consistency(room.poses, levels, pairs).median
    drifted = room.poses.copy()
    drifted[200:] = drifted[200:] @ at(0.05)  # 5 cm ahead, across most of what it sees
    assert true < 0.01 < 0.015 < revisit_consistency(drifted, levels, pairs).median


def test_depth_noise_by_hand_and_confidence_by_its_square() -> None:
    # Nguyen et al.: 1.2 mm + 1.9 mm (z - 0.4)^2.
    assert STRUCTURED_LIGHT.sigma(0.4) == pytest.approx(1.2e-3, rel=1e-6)
    assert STRUCTURED_LIGHT.sigma(2.4) == pytest.approx(8.8e-3, rel=1e-6)
    depth = np.array([[1.0, 2.4, 0.0, np.nan, -1.0]], np.float32)
    sigma = 1.2e-3 + 1.9e-3 * 0.36
    np.testing.assert_allclose(
        depth_confidence(depth, STRUCTURED_LIGHT.coefficients),
        [[1.0, (sigma / 8.8e-3) ** 2, 0, 0, 0]],
        rtol=1e-5,
    )
