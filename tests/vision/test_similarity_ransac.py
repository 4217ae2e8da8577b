"""A similarity is found among wrong matches, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import exp_se3, transform
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import inverse_similarity, rigid_part, scale_of, similarity
from mapper.vision.local_features import LocalFeatures
from mapper.vision.orb import OrbMatcher
from mapper.vision.similarity_ransac import (
    MIN_INLIERS,
    MatchedSimilarity,
    similarity_from_matches,
)
from tests.support.room_views import Room, distance

CAMERA = Intrinsics(160, 160, 159.5, 119.5, 320, 240)
S_A_B = similarity(2.7, exp_se3(np.array([0.1, -0.3, 0.2, 0.4, -0.2, 0.5])))
COUNT = 200


def seen(points: np.ndarray, descriptors: np.ndarray) -> LocalFeatures:
    """What the camera says of points in its frame."""
    pixels = points[:, :2] / points[:, 2:] * [CAMERA.fx, CAMERA.fy] + [CAMERA.cx, CAMERA.cy]
    return LocalFeatures(pixels.astype(np.float32), descriptors, points.astype(np.float32))


def two_views(
    wrong: float, depth_noise: float = 0.0, seed: int = 0
) -> tuple[LocalFeatures, LocalFeatures]:
    """The same points in both views; a share of them is matched with another place in a."""
    rng = np.random.default_rng(seed)
    descriptors = rng.integers(0, 256, (COUNT, 32), dtype=np.uint8)
    rays = np.column_stack([rng.uniform(-0.6, 0.6, (COUNT, 2)), np.ones(COUNT)])
    points_b = rays * rng.uniform(0.5, 1.5, (COUNT, 1))
    points_a = transform(S_A_B, points_b)
    bad = rng.choice(COUNT, int(wrong * COUNT), replace=False)
    points_a[bad] = rays[rng.permutation(bad)] * rng.uniform(1.0, 5.0, (len(bad), 1))
    points_a *= 1 + depth_noise * rng.standard_normal((COUNT, 1))
    points_b *= 1 + depth_noise * rng.standard_normal((COUNT, 1))
    return seen(points_a, descriptors), seen(points_b, descriptors)


def matched(
    a: LocalFeatures, b: LocalFeatures, camera: Intrinsics = CAMERA
) -> MatchedSimilarity | None:
    return similarity_from_matches(a, b, OrbMatcher().match(a, b), camera, camera)


def off(S: np.ndarray) -> tuple[float, float, float]:
    """(share of scale, units, degrees) by which S misses the truth."""
    return (
        abs(float(scale_of(S) / scale_of(S_A_B)) - 1),
        *distance(rigid_part(S), rigid_part(S_A_B)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_it_is_exact_among_forty_per_cent_wrong_matches(seed: int) -> None:
    found = matched(*two_views(0.4, seed=seed))
    assert found is not None
    # All points in float32; a wrong match lands right by chance once in thousands.
    assert max(off(found.S_a_b)) < 1e-3
    assert found.matches >= 0.95 * COUNT
    assert found.inliers == pytest.approx(0.6 * COUNT, abs=3)


@pytest.mark.parametrize("seed", range(3))
def test_noisy_depth_is_averaged_over_the_matches(seed: int) -> None:
    found = matched(*two_views(0.4, 0.03, seed))
    assert found is not None
    # 3 % of both depths is 0.042 against a spread of 0.5, over 120 matches: 0.8 % of scale, and
    # of the 3 units to the points. Three times that.
    scale, units, degrees = off(found.S_a_b)
    assert scale < 0.024 and units < 0.07 and degrees < 1.5


def test_matches_that_share_no_similarity_give_none() -> None:
    assert matched(*two_views(1.0)) is None


def test_the_other_way_round_is_the_inverse() -> None:
    a, b = two_views(0.4)
    found = matched(b, a)
    assert found is not None
    assert max(off(inverse_similarity(found.S_a_b))) < 1e-3


def test_too_few_matches_or_depths_give_none() -> None:
    a, b = two_views(0.0)
    few = slice(MIN_INLIERS - 1)
    cut = LocalFeatures(b.pixels[few], b.descriptors[few], b.points[few])
    flat = LocalFeatures(b.pixels, b.descriptors, np.zeros_like(b.points))
    none = LocalFeatures(b.pixels[:0], b.descriptors[:0], b.points[:0])
    for other in (cut, flat, none):
        assert matched(a, other) is None


def test_two_views_of_the_room_in_different_units_are_joined(room: Room) -> None:
    extract, features = OrbMatcher().extract, []
    for index, units in ((0, 1.0), (8, 0.4)):
        prediction = room.prediction(index)
        features.append(extract(prediction.image, prediction.pointmap * np.float32(units)))
    found = matched(features[0], features[1], room.intrinsics)
    assert found is not None
    metres, degrees = distance(rigid_part(found.S_a_b), room.relative(0, 8))
    # ORB is a pixel off, 1 cm at 2 m; dense alignment does the rest.
    assert scale_of(found.S_a_b) == pytest.approx(1 / 0.4, rel=0.02)
    assert metres < 0.05 and degrees < 1.0


@pytest.mark.parametrize(("count", "is_found"), [(MIN_INLIERS, True), (MIN_INLIERS - 1, False)])
def test_the_least_number_of_right_matches_is_enough(count: int, is_found: bool) -> None:
    a, b = (
        LocalFeatures(each.pixels[:count], each.descriptors[:count], each.points[:count])
        for each in two_views(0.0)
    )
    found = matched(a, b)
    assert (found is not None) is is_found
    assert found is None or found.inliers == found.matches == count
