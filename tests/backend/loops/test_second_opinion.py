"""What would look as right elsewhere is doubted, unless matched features know better."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.loops.second_opinion import Opinion, Support, ViewPair, second_opinion
from mapper.core.depth_noise import LEARNED, STRUCTURED_LIGHT, DepthNoise
from mapper.core.geometry import backproject, exp_se3, transform
from mapper.core.intrinsics import Intrinsics
from mapper.vision.dense_alignment import Alignment, AlignmentConfig
from mapper.vision.depth_pyramid import build_pyramid
from mapper.vision.local_features import LocalFeatures
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import NO_FEATURES, Room, distance, keyframe_of, pyramid_of

CAMERA = Intrinsics(300, 300, 159.5, 119.5, 320, 240)
DEPTH = 2.0
PERIOD = 12  # pixels, of the stripes: what light compares with when it looks a little beside
STRIPE = PERIOD / 300 * DEPTH  # metres


def aligned_at(S: np.ndarray, weakest: float = 1.0) -> Alignment:
    return Alignment(S, 1.0, 1.0, 0.0, np.eye(7), True, 320 * 240, 1000, weakest)


def moved(metres: float) -> np.ndarray:
    """S_earlier_later of a camera that went to the right."""
    return exp_se3(np.array([0, 0, 0, metres, 0, 0]))


class TheSame(OrbMatcher):
    """A matcher of features that are given in the same order; the first `wrong` are mixed up."""

    def __init__(self, wrong: int = 0) -> None:
        super().__init__()
        self._wrong = wrong

    def match(self, a: LocalFeatures, b: LocalFeatures) -> np.ndarray:
        number = np.arange(len(a))
        other = number.copy()
        other[: self._wrong] = np.roll(other[: self._wrong], 7)
        return np.column_stack([number, other])


def wall(stripes: bool, noise: DepthNoise, features: float | None = None) -> ViewPair:
    """A wall seen twice from one place, with upright stripes or blank.

    features: metres by which the later camera is further right according to them; None: it has
    none.
    """
    image = np.full((240, 320), 128.0)
    if stripes:
        image += 60 * np.sin(2 * np.pi * np.arange(320) / PERIOD)
    colour = np.repeat(image[..., None], 3, 2).astype(np.uint8)
    depth = np.full((240, 320), DEPTH, np.float32)
    pyramid = build_pyramid(depth, colour, CAMERA, noise)
    found = [NO_FEATURES, NO_FEATURES]
    if features is not None:
        rng = np.random.default_rng(3)
        rows, columns = rng.integers(40, 200, 80), rng.integers(60, 260, 80)
        points = backproject(depth, CAMERA)[rows, columns]
        points[:, 2] += rng.uniform(-0.3, 0.3, 80)  # not all on one plane
        for k, T in enumerate((np.eye(4), moved(-features))):
            there = transform(T, points.astype(float))
            pixels = there[:, :2] / there[:, 2:] * 300 + [159.5, 119.5]
            found[k] = LocalFeatures(
                pixels.astype(np.float32), np.zeros((80, 1), np.uint8), there.astype(np.float32)
            )
    earlier, later = (
        Keyframe(k, 0, np.eye(4), found[k], CAMERA, [TrackedFrame(k, k / 30, np.eye(4))], DEPTH)
        for k in range(2)
    )
    return ViewPair(earlier, later, pyramid, pyramid)


def asked(pair: ViewPair, S: np.ndarray, wrong: int = 0, weakest: float = 1.0) -> Opinion:
    evidence = pair.evidence(S)
    return second_opinion(pair, aligned_at(S, weakest), TheSame(wrong), AlignmentConfig(), evidence)


def test_stripes_look_as_right_one_further_on() -> None:
    pair = wall(True, STRUCTURED_LIGHT)
    for metres in (0.0, STRIPE, 2 * STRIPE):
        assert asked(pair, moved(metres)).support == Support.OPEN


def test_features_know_which_stripe_it_is() -> None:
    pair = wall(True, STRUCTURED_LIGHT, features=2 * STRIPE)
    assert asked(pair, moved(2 * STRIPE)).support == Support.HOLDS
    denied = asked(pair, moved(0.0))
    assert denied.support == Support.DENIED and not denied.is_elsewhere  # nothing explains more


def test_features_that_agree_on_one_of_several_places_decide_nothing() -> None:
    pair = wall(True, STRUCTURED_LIGHT, features=2 * STRIPE)
    for metres in (2 * STRIPE, 0.0):
        assert asked(pair, moved(metres), wrong=50).support == Support.OPEN


@pytest.mark.parametrize(("weakest", "support"), [(3.0, Support.OPEN), (900.0, Support.HOLDS)])
def test_in_the_dark_planes_hold_what_they_all_know(weakest: float, support: Support) -> None:
    assert asked(wall(False, STRUCTURED_LIGHT), np.eye(4), weakest=weakest).support == support


def test_a_networks_depth_is_not_asked() -> None:
    assert asked(wall(True, LEARNED), np.eye(4)).support == Support.HOLDS


def room_pair(room: Room) -> ViewPair:
    frames = (0, 5)
    earlier, later = (keyframe_of(k, room.prediction(frame)) for k, frame in enumerate(frames))
    return ViewPair(earlier, later, *(pyramid_of(room.frame(frame)) for frame in frames))


@pytest.mark.parametrize("off", [0.0, 0.35])
def test_a_view_of_a_room_is_put_where_it_is(room: Room, off: float) -> None:
    pair, right = room_pair(room), room.relative(0, 5)
    S = moved(off) @ right
    config = AlignmentConfig(iterations=(4, 8, 10), max_distance=0.1)
    opinion = second_opinion(pair, aligned_at(S), OrbMatcher(), config, pair.evidence(S))
    assert opinion.support == Support.HOLDS and opinion.is_elsewhere == (off > 0)
    metres, degrees = distance(opinion.aligned.S_reference_source, right)
    assert metres < 0.01 and degrees < 0.3


def test_features_are_asked_whatever_light_says_where_that_is_wanted(room: Room) -> None:
    pair, right = room_pair(room), room.relative(0, 5)
    config, evidence = AlignmentConfig(), pair.evidence(right)
    unasked = second_opinion(pair, aligned_at(right), OrbMatcher(), config, evidence)
    assert unasked.support == Support.HOLDS and not unasked.by_features
    asked_too = second_opinion(pair, aligned_at(right), OrbMatcher(), config, evidence, asks=True)
    assert asked_too.support == Support.HOLDS and asked_too.by_features


def test_features_that_are_elsewhere_do_not_speak_for_a_place() -> None:
    pair = wall(True, STRUCTURED_LIGHT, features=2 * STRIPE)
    S = moved(0.0)
    opinion = second_opinion(
        pair, aligned_at(S), TheSame(), AlignmentConfig(), pair.evidence(S), asks=True
    )
    assert not opinion.by_features
