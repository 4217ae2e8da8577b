"""The factors of priors: nothing is left at the truth, and the derivatives are right."""

from __future__ import annotations

import gtsam
import numpy as np
import pytest

from mapper.backend.graph.graph_solver import Group, Poses, Similarities
from mapper.backend.graph.motion_factors import motion_factor, motion_residual
from mapper.backend.graph.prior_factors import (
    anchor_key,
    measured_factor,
    pose_factor,
    same_scale,
)
from mapper.backend.graph.priors import LengthPrior, MotionPrior, PosePrior, ScalePrior
from mapper.core.sim3 import exp_sim3, rigid_part, scale_of, to_gtsam

GROUPS = (Poses(), Similarities())
EPSILON = 1e-6


def transform(seed: int, group: Group | None = None) -> np.ndarray:
    S = exp_sim3(0.4 * np.random.default_rng(seed).normal(size=7))
    return rigid_part(S) if isinstance(group, Poses) else S


def values(group: Group) -> gtsam.Values:
    made = gtsam.Values()
    for keyframe_id in (0, 1):
        made.insert(keyframe_id, group.wrap(transform(keyframe_id, group)))
    for source in (0, 1):
        made.insert(anchor_key(source), to_gtsam(transform(7 + source)))
    return made


def true_prior(group: Group, position: bool = True, rotation: bool = True) -> PosePrior:
    """What is said of a camera at values()."""
    camera = rigid_part(transform(3))
    T = np.linalg.inv(transform(7)) @ transform(0, group) @ camera
    R = T[:3, :3] / scale_of(T)
    return PosePrior(
        0, 0, camera, T[:3, 3] if position else None, R if rotation else None, 0.2, 0.1
    )


def off(prior: PosePrior) -> PosePrior:
    """The same, off by some."""
    turned = rigid_part(transform(11))[:3, :3]
    return PosePrior(
        0,
        0,
        prior.S_keyframe_camera,
        None if prior.position is None else prior.position + 0.3,
        None if prior.R_source_camera is None else prior.R_source_camera @ turned,
        prior.sigma,
        prior.sigma_rad,
    )


def check_derivatives(factor: gtsam.CustomFactor, at: gtsam.Values) -> None:
    """The linearised factor against differences of its error, key by key."""
    linear = linearised(factor, at)
    A = linear.getA()
    column = 0
    for key in factor.keys():
        size = 6 if isinstance(_value(at, key), gtsam.Pose3) else 7
        for axis in range(size):
            step = np.zeros(size)
            step[axis] = EPSILON
            moved = gtsam.Values()
            for each in at.keys():
                value = _value(at, each)
                moved.insert(each, value.retract(step) if each == key else value)
            difference = (linear.getb() - linearised(factor, moved).getb()) / EPSILON
            np.testing.assert_allclose(A[:, column], difference, atol=2e-4, rtol=2e-4)
            column += 1


def linearised(factor: gtsam.CustomFactor, at: gtsam.Values) -> gtsam.JacobianFactor:
    linear = factor.linearize(at)
    assert isinstance(linear, gtsam.JacobianFactor)
    return linear


def _value(at: gtsam.Values, key: int) -> gtsam.Pose3 | gtsam.Similarity3:
    try:
        return at.atSimilarity3(key)
    except (RuntimeError, ValueError):
        return at.atPose3(key)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("told", [(True, True), (True, False), (False, True)])
def test_a_pose(group: Group, told: tuple[bool, bool]) -> None:
    prior = true_prior(group, *told)
    assert prior.dof == 3 * sum(told)
    assert pose_factor(prior, group, None).error(values(group)) < 1e-20
    wrong = pose_factor(off(prior), group, None)
    assert wrong.error(values(group)) > 0.1
    check_derivatives(wrong, values(group))


@pytest.mark.parametrize("group", GROUPS)
def test_a_length_between_two_keyframes_and_in_one(group: Group) -> None:
    ends = np.array([0.3, 0.1, 1.0]), np.array([-0.5, 0.4, 2.0])
    for j in (0, 1):
        S_i, S_j = transform(0, group), transform(j, group)
        way = S_i @ np.append(ends[0], 1) - S_j @ np.append(ends[1], 1)
        metres = float(np.linalg.norm(way) / scale_of(transform(8)))
        true = LengthPrior("door", 0, ends[0], j, ends[1], metres, 0.01)
        assert measured_factor(true, 1, group).error(values(group)) < 1e-20
        wrong = measured_factor(LengthPrior("", 0, ends[0], j, ends[1], 2.0, 0.01), 1, group)
        check_derivatives(wrong, values(group))


@pytest.mark.parametrize("group", GROUPS)
def test_a_scale(group: Group) -> None:
    log_metres = float(np.log(scale_of(transform(1, group)) / scale_of(transform(8))))
    true = measured_factor(ScalePrior("height", 1, log_metres, 0.02), 1, group)
    assert true.error(values(group)) < 1e-20
    check_derivatives(measured_factor(ScalePrior("", 1, 0.5, 0.02), 1, group), values(group))


def test_two_sources_of_one_unit() -> None:
    factor = same_scale(0, 1, 0.5)
    ratio = np.log(scale_of(transform(7)) / scale_of(transform(8)))
    assert factor.error(values(GROUPS[1])) == pytest.approx(0.5 * (ratio / 0.5) ** 2)
    check_derivatives(factor, values(GROUPS[1]))


@pytest.mark.parametrize("group", GROUPS)
def test_a_motion(group: Group) -> None:
    cameras = rigid_part(transform(3)), rigid_part(transform(4))
    first, second = (transform(k, group) @ camera for k, camera in enumerate(cameras))
    unit = scale_of(transform(8))
    T = np.linalg.inv(rigid_part(first)) @ rigid_part(second)
    T[:3, 3] /= unit
    sigmas = np.array([0.1] * 3 + [0.2] * 3)
    true = MotionPrior("wheels", 0, cameras[0], 1, cameras[1], T, sigmas)
    assert motion_factor(true, 1, group, None).error(values(group)) < 1e-20
    poses = transform(0, group), transform(1, group)
    np.testing.assert_allclose(motion_residual(true, *poses, float(unit)), 0, atol=1e-9)
    wrong = MotionPrior("", 0, cameras[0], 1, cameras[1], rigid_part(transform(12)), sigmas)
    check_derivatives(motion_factor(wrong, 1, group, None), values(group))
