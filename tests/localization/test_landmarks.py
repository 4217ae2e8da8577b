from __future__ import annotations

import numpy as np

from mapper.core.geometry import rotation_angle
from mapper.vision.local_features import LocalFeatures
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import Room
from tests.support.views.saved_room import EVERY, room_landmarks


class Other(OrbMatcher):
    """Makes the same, and takes nobody else's for its own."""

    def __init__(self) -> None:
        super().__init__(max_features=200)
        self.looked_at = 0

    def extract(self, image: np.ndarray, pointmap: np.ndarray) -> LocalFeatures:
        self.looked_at += 1
        return super().extract(image, pointmap)

    def made(self, features: LocalFeatures) -> bool:
        return super().made(features) and len(features) <= 200


def test_a_keyframe_is_in_the_units_of_the_map(room: Room) -> None:
    one, other = room_landmarks(room), room_landmarks(room, scale=3.0)
    a, b = one.view(2), other.view(2)
    assert np.allclose(b.depth, 3 * a.depth) and np.allclose(b.points, 3 * a.points, atol=1e-5)
    assert np.allclose(b.T_world_camera[:3, 3], 3 * a.T_world_camera[:3, 3])
    assert one.is_metric and not other.is_metric
    # Its features lie on its surfaces.
    u, v = np.rint(a.features.pixels).astype(int).T
    assert np.allclose(a.features.points[:, 2], a.depth[v, u])


def test_who_looks_alike_and_who_stands_near(room: Room) -> None:
    landmarks = room_landmarks(room)
    frame = room.frame(3 * EVERY + 2)
    seen = landmarks.matcher.extract(frame.image, np.zeros((*frame.image.shape[:2], 3), np.float32))
    assert landmarks.alike(seen, 4)[0] == 3
    T = room.poses[3 * EVERY + 2]
    near = landmarks.around(T, 1.0, 3)
    assert near[0] == 3 and len(near) <= 3
    for keyframe in near:
        there = landmarks.pose(keyframe)
        assert np.linalg.norm(there[:3, 3] - T[:3, 3]) <= 1.0
        assert rotation_angle(there[:3, :3].T @ T[:3, :3]) < 1.6
    assert landmarks.around(T, 1e-6, 3) == []


def test_features_of_another_matcher_are_made_anew(room: Room) -> None:
    matcher = Other()
    landmarks = room_landmarks(room, matcher=matcher)
    assert matcher.looked_at == len(landmarks.ids)
    assert 0 < len(landmarks.view(1).features) <= 200
