"""Frames that the motion before them held are counted, and gathered into spans of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.backend.self_doubt.held_frames import HeldFrameCounter, HeldSpan
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction

CAMERA = Intrinsics(1.0, 1.0, 0.0, 0.0, 1, 1)


def placed(timestamp: float, is_held: bool | None) -> Prediction:
    """is_held: None of a frontend that does not know."""
    point = np.ones((1, 1, 3), np.float32)
    known = None if is_held is None else PoseUncertainty(0, np.eye(6), is_held)
    image = np.zeros((1, 1, 3), np.uint8)
    confidence = point[..., 0]
    return Prediction(
        0, timestamp, point, confidence, np.eye(4), CAMERA, image, True, uncertainty=known
    )


def test_held_frames_that_follow_each_other_are_one_span() -> None:
    counter = HeldFrameCounter()
    held_at = {2.0, 2.1, 2.9, 7.0}
    for timestamp in np.round(np.arange(0.0, 8.0, 0.1), 1).tolist():
        counter.note(placed(timestamp, timestamp in held_at))
    found = counter.found()
    assert (found.known, found.held) == (80, 4)
    assert found.spans == (HeldSpan(2.0, 2.9, 3), HeldSpan(7.0, 7.0, 1))


def test_of_a_frontend_that_does_not_know_nothing_is_said() -> None:
    counter = HeldFrameCounter()
    counter.note(placed(0.0, None))
    assert counter.found().known == counter.found().held == 0


def test_what_is_its_own_reference_and_held_was_guessed() -> None:
    counter = HeldFrameCounter()
    for timestamp, is_held, reference in ((0.0, False, 0), (1.0, True, 7), (2.0, True, 0)):
        known = PoseUncertainty(reference, np.eye(6), is_held)
        counter.note(replace(placed(timestamp, is_held), uncertainty=known))
    assert counter.found().guessed == (2.0,)
