"""XFeat places views in one another, farther apart than ORB does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mapper.core.geometry import backproject
from mapper.vision.local_features import LocalFeatures, pose_from_matches
from mapper.vision.orb import OrbMatcher
from mapper.vision.xfeat.matcher import XFeatMatcher
from tests.support.room_views import Room, distance
from tests.support.xfeat_weights import needs_xfeat, xfeat_tensors

pytestmark = needs_xfeat


@pytest.fixture(scope="module")
def matcher() -> XFeatMatcher:
    return XFeatMatcher(xfeat_tensors())


def features(matcher: XFeatMatcher | OrbMatcher, room: Room, index: int) -> LocalFeatures:
    prediction = room.prediction(index)
    return matcher.extract(prediction.image, prediction.pointmap)


@pytest.mark.parametrize("j", [4, 12])
def test_matches_give_the_pose_between_two_views(matcher: XFeatMatcher, room: Room, j: int) -> None:
    a, b = features(matcher, room, 0), features(matcher, room, j)
    matched = pose_from_matches(a, b, matcher.match(a, b), room.intrinsics)
    assert matched is not None and matched.inliers > 60
    metres, degrees = distance(matched.T_a_b, room.relative(0, j))
    assert metres < 0.08 and degrees < 2.0  # keypoints are whole pixels, 1.2 cm at 2 m


def test_more_is_seen_again_than_by_orb(matcher: XFeatMatcher, room: Room) -> None:
    inliers = []
    for each in (matcher, OrbMatcher()):
        a, b = features(each, room, 0), features(each, room, 16)
        matched = pose_from_matches(a, b, each.match(a, b), room.intrinsics)
        inliers.append(0 if matched is None else matched.inliers)
    assert inliers[0] > 1.5 * inliers[1]


def test_views_that_share_nothing_have_no_pose(matcher: XFeatMatcher, room: Room) -> None:
    a, b = features(matcher, room, 0), features(matcher, room, 120)
    assert pose_from_matches(a, b, matcher.match(a, b), room.intrinsics) is None


def test_features_are_unit_vectors_with_the_point_under_them(
    matcher: XFeatMatcher, room: Room
) -> None:
    found = features(matcher, room, 0)
    assert 200 < len(found) <= 1000
    assert found.descriptors.dtype == np.float16 and found.descriptors.shape[1] == 64
    lengths = np.linalg.norm(found.descriptors.astype(np.float32), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=2e-3)
    known = found.points[:, 2] > 0
    u = room.intrinsics.fx * found.points[known, 0] / found.points[known, 2] + room.intrinsics.cx
    assert np.abs(u - found.pixels[known, 0]).max() <= 0.5 + 1e-3


def test_a_blank_image_has_no_features(matcher: XFeatMatcher) -> None:
    blank = np.full((120, 160, 3), 90, np.uint8)
    nothing = matcher.extract(blank, np.ones((120, 160, 3), np.float32))
    assert len(nothing) == 0 and nothing.descriptors.shape == (0, 64)
    assert matcher.match(nothing, nothing).shape == (0, 2)


def test_a_small_image_is_placed_by_its_features(matcher: XFeatMatcher, room: Room) -> None:
    camera, small = room.intrinsics.resized(96, 72), []
    for index in (0, 8):
        frame = room.frame(index)
        assert frame.depth is not None
        image = cv2.resize(frame.image, (96, 72), interpolation=cv2.INTER_AREA)
        depth = cv2.resize(frame.depth, (96, 72), interpolation=cv2.INTER_NEAREST)
        small.append(matcher.extract(image, backproject(depth, camera)))
    a, b = small
    assert a.pixels.min() > -0.5 and a.pixels[:, 0].max() < 95.5
    matched = pose_from_matches(a, b, matcher.match(a, b), camera)
    assert matched is not None
    metres, degrees = distance(matched.T_a_b, room.relative(0, 8))
    assert metres < 0.08 and degrees < 2.0


def test_features_of_another_kind_are_neither_taken_nor_matched(
    matcher: XFeatMatcher, room: Room
) -> None:
    orb = OrbMatcher()
    binary, vectors = features(orb, room, 0), features(matcher, room, 0)
    assert matcher.made(vectors) and not matcher.made(binary)
    assert orb.made(binary) and not orb.made(vectors)
    for each in (orb, matcher):
        assert len(each.match(binary, vectors)) == len(each.match(vectors, binary)) == 0
