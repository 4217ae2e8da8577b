"""Deviations of a pose follow from its covariance."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.core.geometry import exp_se3
from mapper.core.pose_uncertainty import PoseUncertainty


def test_deviations_are_those_of_poses_drawn_from_the_covariance() -> None:
    rng = np.random.default_rng(0)
    root = 0.01 * rng.normal(size=(6, 6))
    known = PoseUncertainty(0, root @ root.T)
    T = exp_se3(np.array([0.3, -0.2, 0.1, 1.0, 2.0, -1.5]))
    drawn = np.array([exp_se3(root @ rng.normal(size=6)) for _ in range(4000)])
    moved = (drawn @ T)[:, :3, 3] - T[:3, 3]
    assert known.sigma_position(T[:3, 3]) == pytest.approx(
        np.sqrt((moved**2).sum(1).mean()), rel=0.05
    )
    angles = np.arccos(np.clip((np.trace(drawn[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert known.sigma_rotation == pytest.approx(np.sqrt((angles**2).mean()), rel=0.05)


def test_a_turn_moves_what_is_far_from_the_reference() -> None:
    turn = PoseUncertainty(0, np.diag([0.01**2] * 3 + [0.0] * 3))
    assert turn.sigma_position(np.zeros(3)) == 0.0
    assert turn.sigma_position(np.array([2.0, 0, 0])) == pytest.approx(0.02 * np.sqrt(2))
