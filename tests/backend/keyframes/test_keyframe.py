"""A keyframe knows how fast the camera turned when it was opened."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe import (
    Keyframe,
    TrackedFrame,
    jumped_at_once,
    turning_of,
)
from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from tests.support.room_views import NO_FEATURES

CAMERA = Intrinsics(1, 1, 0, 0, 2, 2)


def keyframe(frames: list[TrackedFrame], T_previous: np.ndarray | None = None) -> Keyframe:
    made = Keyframe(0, 0, np.eye(4), NO_FEATURES, CAMERA, frames)
    made.T_previous_keyframe = T_previous
    return made


def turned(radians: float) -> np.ndarray:
    return exp_se3(np.array([0, radians, 0, 0.1, 0, 0]))


def test_the_turn_since_the_last_frame_counts_not_since_the_last_keyframe() -> None:
    previous = keyframe([TrackedFrame(0, 0.0, np.eye(4)), TrackedFrame(9, 0.9, turned(0.5))])
    new = keyframe([TrackedFrame(10, 1.0, np.eye(4))], turned(0.5) @ turned(0.2))
    assert turning_of(previous, new) == pytest.approx(2.0)


def test_nothing_is_known_of_the_first_one_and_of_frames_at_one_time() -> None:
    new = keyframe([TrackedFrame(10, 1.0, np.eye(4))])
    assert turning_of(None, new) == 0.0 and turning_of(new, new) == 0.0
    again = keyframe([TrackedFrame(11, 1.0, np.eye(4))], turned(0.2))
    assert turning_of(new, again) == 0.0


def along(x: float) -> np.ndarray:
    return exp_se3(np.array([0, 0, 0, x, 0, 0]))


def walked(*places: float) -> Keyframe:
    return keyframe([TrackedFrame(k, k / 10, along(x)) for k, x in enumerate(places)])


@pytest.mark.parametrize(
    ("last", "found", "at_once"),
    [
        (0.4, 0.1, False),  # as far as the steps before: all of them were too long
        (0.7, 0.4, True),  # the last one alone was
        (0.4, 0.38, False),
    ],
)
def test_what_is_missing_belongs_to_the_step_that_is_too_long(
    last: float, found: float, at_once: bool
) -> None:
    new = keyframe([TrackedFrame(4, 0.4, np.eye(4))], along(last))
    assert jumped_at_once(walked(0.0, 0.1, 0.2, 0.3), new, along(found)) == at_once


def test_of_few_frames_nobody_knows_what_a_step_is() -> None:
    new = keyframe([TrackedFrame(2, 0.2, np.eye(4))], along(0.2))
    assert jumped_at_once(walked(0.0, 0.1), new, along(0.0))
