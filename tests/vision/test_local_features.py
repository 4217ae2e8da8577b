"""Features match mutually and place one view in another, or decline."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mapper.core.geometry import backproject
from mapper.core.intrinsics import Intrinsics
from mapper.vision.local_features import (
    LocalFeatures,
    MatchedPose,
    is_recognised,
    pose_from_matches,
    seen_again,
)
from mapper.vision.orb import MAX_HAMMING, OrbMatcher
from tests.support.room_views import Room, distance, features_of


def matched_pose(a: LocalFeatures, b: LocalFeatures, camera: Intrinsics) -> MatchedPose | None:
    return pose_from_matches(a, b, OrbMatcher().match(a, b), camera)


def made_up(descriptors: list[int]) -> LocalFeatures:
    """Features whose descriptor k has its first `descriptors[k]` bits set."""
    bits = np.arange(256)[None] < np.array(descriptors)[:, None]
    n = len(descriptors)
    return LocalFeatures(
        np.zeros((n, 2), np.float32), np.packbits(bits, axis=1), np.ones((n, 3), np.float32)
    )


def test_only_mutual_nearest_neighbours_match() -> None:
    # 10 and 12 in a both look like 11 in b; b's choice is the lower index of the two.
    pairs = OrbMatcher().match(made_up([10, 200, 12]), made_up([205, 11]))
    np.testing.assert_array_equal(pairs[np.argsort(pairs[:, 0])], [[0, 1], [1, 0]])


def test_descriptors_too_far_apart_do_not_match() -> None:
    assert len(OrbMatcher().match(made_up([0]), made_up([MAX_HAMMING]))) == 1
    assert len(OrbMatcher().match(made_up([0]), made_up([MAX_HAMMING + 1]))) == 0


def test_matching_with_nothing_gives_nothing() -> None:
    nothing = made_up([])
    for a, b in ((nothing, made_up([1])), (made_up([1]), nothing), (nothing, nothing)):
        assert OrbMatcher().match(a, b).shape == (0, 2)


def test_features_carry_the_point_under_them(room: Room) -> None:
    frame = room.frame(0)
    features = features_of(frame)
    k = room.intrinsics
    known = features.points[:, 2] > 0
    assert 200 < known.sum() <= len(features) <= 1000
    u = k.fx * features.points[known, 0] / features.points[known, 2] + k.cx
    # The point belongs to the pixel whose centre is nearest.
    assert np.abs(u - features.pixels[known, 0]).max() <= 0.5 + 1e-3


def test_a_blank_image_has_no_features() -> None:
    blank = np.full((120, 160, 3), 90, np.uint8)
    features = OrbMatcher().extract(blank, np.ones((120, 160, 3), np.float32))
    assert len(features) == 0
    assert features.descriptors.shape == (0, 32) and features.points.shape == (0, 3)


@pytest.mark.parametrize(("i", "j"), [(0, 4), (100, 104), (200, 196), (0, 239)])
def test_matches_give_the_pose_between_two_views(room: Room, i: int, j: int) -> None:
    a, b = features_of(room.frame(i)), features_of(room.frame(j))
    matched = matched_pose(a, b, room.intrinsics)
    assert matched is not None
    metres, degrees = distance(matched.T_a_b, room.relative(i, j))
    # RANSAC takes matches 4 pixels off, 3 cm at 2 m: good enough as a start for dense alignment.
    assert metres < 0.05 and degrees < 1.5
    assert 12 <= matched.inliers <= matched.matches


def test_only_the_first_view_needs_depth(room: Room) -> None:
    a, b = features_of(room.frame(0)), features_of(room.frame(3))
    blind = LocalFeatures(b.pixels, b.descriptors, np.zeros_like(b.points))
    assert matched_pose(a, blind, room.intrinsics) is not None
    assert matched_pose(blind, a, room.intrinsics) is None


def test_unrelated_views_have_no_pose(room: Room) -> None:
    a = features_of(room.frame(0))
    noise = np.random.default_rng(0).integers(0, 256, (len(a), 32), np.uint8)
    unrelated = LocalFeatures(a.pixels, noise, a.points)
    assert matched_pose(a, unrelated, room.intrinsics) is None
    # The far side of the room shares no surface with frame 0.
    assert matched_pose(a, features_of(room.frame(120)), room.intrinsics) is None


def test_few_features_have_no_pose(room: Room) -> None:
    a = features_of(room.frame(0))
    few = LocalFeatures(a.pixels[:11], a.descriptors[:11], a.points[:11])
    none = LocalFeatures(a.pixels[:0], a.descriptors[:0], a.points[:0])
    assert matched_pose(a, few, room.intrinsics) is None
    assert matched_pose(a, none, room.intrinsics) is None
    assert matched_pose(none, a, room.intrinsics) is None


def test_the_same_matches_give_the_same_pose_again(room: Room) -> None:
    a, b = features_of(room.frame(0)), features_of(room.frame(4))
    poses = [matched_pose(a, b, room.intrinsics) for _ in range(2)]
    assert poses[0] is not None and poses[1] is not None
    np.testing.assert_array_equal(poses[0].T_a_b, poses[1].T_a_b)


def test_a_small_image_is_placed_by_its_features(room: Room) -> None:
    a, b = (small_features(room, index) for index in (0, 8))
    assert len(a) > 200
    assert np.abs(a.pixels).max() < 96 and a.pixels[:, 1].max() < 72
    matched = matched_pose(a, b, room.intrinsics.resized(96, 72))
    assert matched is not None
    metres, degrees = distance(matched.T_a_b, room.relative(0, 8))
    assert metres < 0.03 and degrees < 1.5  # a pixel of 96 is 0.7 degrees


def small_features(room: Room, index: int) -> LocalFeatures:
    """Of a frame of the walk, seen by a camera of 96x72."""
    frame = room.frame(index)
    assert frame.depth is not None
    image = cv2.resize(frame.image, (96, 72), interpolation=cv2.INTER_AREA)
    depth = cv2.resize(frame.depth, (96, 72), interpolation=cv2.INTER_NEAREST)
    return OrbMatcher().extract(image, backproject(depth, room.intrinsics.resized(96, 72)))


def test_of_two_places_that_look_alike_little_is_seen_again(room: Room) -> None:
    a, b = features_of(room.frame(0)), features_of(room.frame(4))
    matched = matched_pose(a, b, room.intrinsics)
    assert matched is not None
    assert 0.3 < seen_again(matched.T_a_b, matched.inliers, a, room.intrinsics) <= 1
    assert is_recognised(matched.T_a_b, matched.inliers, a, room.intrinsics)
    # Of 100 features before the camera half are in view of one that is moved by half its image.
    ahead = np.column_stack([np.linspace(-1, 1, 100), np.zeros(100), np.full(100, 2.0)])
    row = LocalFeatures(a.pixels[:100], a.descriptors[:100], ahead.astype(np.float32))
    camera = Intrinsics(160, 160, 79.5, 59.5, 160, 120)  # sees 1 to either side at 2
    moved = np.eye(4)
    moved[0, 3] = 1.0
    assert seen_again(moved, 10, row, camera) == pytest.approx(0.2)
    assert not is_recognised(moved, 2, row, camera)  # of fifty
    scaled = np.diag([2.0, 2.0, 2.0, 1.0])  # in b's units all of it is at 1, and as it was
    assert seen_again(scaled, 10, row, camera) == pytest.approx(0.1, abs=0.003)
    behind = np.diag([-1.0, 1.0, -1.0, 1.0])
    assert seen_again(behind, 0, row, camera) == 0
