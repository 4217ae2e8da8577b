"""A frame that is off by what it says counts as such, in sigmas of one normal variable."""

from __future__ import annotations

import numpy as np
import pytest
from gauntlet.uncertainty import PredictedPoses, sigmas

from mapper.core.geometry import exp_se3
from mapper.core.intrinsics import Intrinsics
from mapper.core.pose_uncertainty import PoseUncertainty
from mapper.core.prediction import Prediction

COVARIANCE = np.diag([1e-5, 2e-5, 1e-5, 1e-4, 4e-4, 1e-4])


def test_right_uncertainties_hold_as_often_as_a_normal_variable() -> None:
    rng = np.random.default_rng(0)
    errors = rng.multivariate_normal(np.zeros(6), COVARIANCE, 2000)
    found = np.array([sigmas(exp_se3(x), COVARIANCE) for x in errors])
    for bound, share in ((1.0, 0.683), (2.5, 0.9876)):
        assert (found <= bound).mean() == pytest.approx(share, abs=0.03)


def test_errors_are_measured_against_the_reference_of_the_same_segment() -> None:
    told = PredictedPoses()
    world = exp_se3(np.array([0.3, 0.1, 0, 1, 2, 3.0]))
    truth = np.stack([world, world @ exp_se3(np.array([0, 0, 0, 0.5, 0, 0])), world])
    off = exp_se3(np.array([0, 0, 0, 0, 0.1, 0])) @ exp_se3(np.array([0, 0, 0, 0.5, 0, 0]))
    for index, T in enumerate((np.eye(4), off, np.eye(4))):
        known = PoseUncertainty(0, COVARIANCE if index else np.zeros((6, 6)))
        told.prediction(_prediction(index, T, 0 if index < 2 else 1, known))
    (only,) = told.sigmas_off(truth)  # frame 0 is its own reference, frame 2's is not in segment 1
    assert only == pytest.approx(sigmas(exp_se3(np.array([0, 0, 0, 0, 0.1, 0])), COVARIANCE))
    assert only > 3


def _prediction(index: int, T: np.ndarray, segment: int, known: PoseUncertainty) -> Prediction:
    pointmap = np.ones((2, 2, 3), np.float32)
    camera = Intrinsics(1, 1, 0, 0, 2, 2)
    image = np.zeros((2, 2, 3), np.uint8)
    confidence = pointmap[..., 0]
    return Prediction(
        index, index / 30, pointmap, confidence, T, camera, image, True, segment, uncertainty=known
    )
