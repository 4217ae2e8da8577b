"""The factor of what is up: nothing is left at the truth, and the derivatives are right."""

from __future__ import annotations

import gtsam
import numpy as np
import pytest

from mapper.backend.graph.graph_solver import Group, Poses, Similarities
from mapper.backend.graph.gravity_factors import mount_key, mount_prior, up_factor, up_residual
from mapper.backend.graph.prior_factors import anchor_key
from mapper.backend.graph.priors import UpPrior
from mapper.core.sim3 import exp_sim3, rigid_part, to_gtsam

GROUPS = (Poses(), Similarities())
EPSILON = 1e-6
ANCHOR = 3


def transform(seed: int) -> np.ndarray:
    return exp_sim3(0.4 * np.random.default_rng(seed).normal(size=7))


def keyframe(group: Group) -> np.ndarray:
    return rigid_part(transform(0)) if isinstance(group, Poses) else transform(0)


CAMERA = rigid_part(transform(5))[:3, :3]
MOUNT = rigid_part(transform(6))[:3, :3]


def seen(group: Group, leaning: float = 0.0) -> UpPrior:
    """What a camera at values() sees as up, so many radians off."""
    R = rigid_part(transform(7))[:3, :3].T @ rigid_part(keyframe(group))[:3, :3] @ CAMERA @ MOUNT
    world = np.array([np.sin(leaning), 0.0, np.cos(leaning)])
    return UpPrior("log", 0, CAMERA, R.T @ world, 0.1)


def values(group: Group) -> gtsam.Values:
    made = gtsam.Values()
    made.insert(0, group.wrap(keyframe(group)))
    made.insert(anchor_key(ANCHOR), to_gtsam(transform(7)))
    made.insert(mount_key(0), gtsam.Rot3(MOUNT))
    return made


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("leaning", [1e-12, 0.02, 1.0, 3.0])
def test_its_residual_is_the_angle(group: Group, leaning: float) -> None:
    factor = up_factor(seen(group, leaning), ANCHOR, 0, group, None)
    assert factor.error(values(group)) == pytest.approx(0.5 * (leaning / 0.1) ** 2, abs=1e-12)


def test_down_is_as_far_off_as_can_be() -> None:
    down = up_residual(seen(GROUPS[0], np.pi), keyframe(GROUPS[0]), transform(7), MOUNT)
    assert np.linalg.norm(down) == pytest.approx(np.pi, abs=1e-6)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("leaning", [0.0, 0.02, 1.0, 2.5])
def test_its_derivatives(group: Group, leaning: float) -> None:
    factor, at = up_factor(seen(group, leaning), ANCHOR, 0, group, None), values(group)
    linear = factor.linearize(at)
    assert isinstance(linear, gtsam.JacobianFactor)
    A, column = linear.getA(), 0
    for key, size in zip(factor.keys(), (group.dof, 7, 3), strict=True):
        for axis in range(size):
            step = np.zeros(size)
            step[axis] = EPSILON
            moved = gtsam.Values()
            for each in at.keys():
                value = _value(at, each)
                moved.insert(each, value.retract(step) if each == key else value)
            other = factor.linearize(moved)
            assert isinstance(other, gtsam.JacobianFactor)
            difference = (linear.getb() - other.getb()) / EPSILON
            np.testing.assert_allclose(A[:, column], difference, atol=2e-4, rtol=2e-4)
            column += 1


def test_a_mount_is_held_about_straight() -> None:
    at = values(GROUPS[0])
    assert mount_prior(0).error(at) > 10
    at.update(mount_key(0), gtsam.Rot3())
    assert mount_prior(0).error(at) == 0


def _value(at: gtsam.Values, key: int) -> gtsam.Pose3 | gtsam.Similarity3 | gtsam.Rot3:
    for read in (at.atSimilarity3, at.atPose3):
        try:
            return read(key)
        except (RuntimeError, ValueError):
            continue
    return at.atRot3(key)
