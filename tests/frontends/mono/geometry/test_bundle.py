"""Bundle adjustment against GTSAM's, and against what is known."""

from __future__ import annotations

from dataclasses import replace

import gtsam
import numpy as np
import pytest
from gtsam.symbol_shorthand import L, X

from mapper.frontends.mono.geometry import bundle_kernels
from mapper.frontends.mono.geometry.bundle import FocalPrior, Observations, Scene, adjust
from mapper.frontends.mono.geometry.lens import project
from mapper.frontends.mono.geometry.motion import moved_pose
from tests.support.sparse_scene import LENS, SparseScene, sparse_scene

PINHOLE = replace(LENS, k1=0.0)


def disturbed(made: SparseScene, free: np.ndarray, seed: int = 1) -> Scene:
    """The scene a little off, less the poses that are not free."""
    rng = np.random.default_rng(seed)
    poses = made.poses.copy()
    for view in np.flatnonzero(free):
        poses[view] = moved_pose(0.01 * rng.standard_normal(6), poses[view])
    points = made.points + 0.03 * rng.standard_normal(made.points.shape)
    return Scene(made.lens, poses, points, free)


def by_gtsam(scene: Scene, seen: Observations) -> list[np.ndarray]:
    """T_camera_world (3, 4) of all views by projection factors, Huber's kernel at one pixel."""
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    robust = gtsam.noiseModel.Robust.Create(
        gtsam.noiseModel.mEstimator.Huber.Create(1.0), gtsam.noiseModel.Isotropic.Sigma(2, 1.0)
    )
    lens = scene.lens
    camera = gtsam.Cal3_S2(lens.fx, lens.fy, 0, lens.cx, lens.cy)
    for view, T in enumerate(scene.poses):
        pose = gtsam.Pose3(np.vstack([T, [0, 0, 0, 1]])).inverse()
        values.insert(X(view), pose)
        if not scene.free[view]:
            graph.add(gtsam.NonlinearEqualityPose3(X(view), pose))
    for p, point in enumerate(scene.points):
        values.insert(L(p), point)
        for i in range(seen.starts[p], seen.starts[p + 1]):
            graph.add(
                gtsam.GenericProjectionFactorCal3_S2(
                    seen.pixels[i], robust, X(int(seen.views[i])), L(p), camera
                )
            )
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setRelativeErrorTol(1e-14)
    parameters.setAbsoluteErrorTol(1e-14)
    solved = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
    return [solved.atPose3(X(v)).inverse().matrix()[:3] for v in range(len(scene.poses))]


def test_poses_are_those_of_gtsam() -> None:
    made = sparse_scene(noise=0.6)
    free = np.array([False, False, True, True])
    pixels = made.seen.pixels.copy()
    pixels[::17] += 8.0  # wrong ones, which both must hold in check alike
    seen = replace(made.seen, pixels=pixels)
    scene = replace(disturbed(made, free), lens=PINHOLE)
    ours = adjust(scene, seen, 60, enough=1e-13).poses
    theirs = by_gtsam(scene, seen)
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(mine - other).max() < 1e-6


def test_focal_length_and_distortion_are_found() -> None:
    made = sparse_scene(views=6, count=150)
    free = np.arange(6) > 1
    start = replace(disturbed(made, free), lens=LENS.changed(0.04, 0.0, 0.0))
    prior = FocalPrior(LENS.fx, 1.0)
    found = adjust(start, made.seen, 50, prior)
    assert found.lens.fx == pytest.approx(500, rel=2e-3)
    assert found.lens.k1 == pytest.approx(-0.05, abs=2e-3)
    held = adjust(start, made.seen, 50)
    assert held.lens == start.lens and held.cost > 10 * found.cost


def test_a_prior_holds_the_focal_length() -> None:
    """Two views of few points say little of it."""
    made = sparse_scene(views=2, count=12, noise=0.5)
    start = replace(disturbed(made, np.array([False, True])), lens=PINHOLE)
    found = adjust(start, made.seen, 20, FocalPrior(500, 0.001))
    assert found.lens.fx == pytest.approx(500, rel=4e-3)


def test_it_never_gets_worse() -> None:
    made = sparse_scene()
    start = disturbed(made, np.arange(4) > 0)
    behind = start.poses.copy()
    behind[3, 2, 3] -= 10  # all points lie behind that camera
    found = adjust(replace(start, poses=behind), made.seen, 5)
    assert np.isfinite(found.cost) and np.isfinite(found.poses).all()
    before = adjust(replace(start, poses=behind), made.seen, 0)
    assert found.cost <= before.cost


def test_observations_are_sorted_by_point() -> None:
    points, views = np.array([2, 0, 2, 0]), np.array([5, 6, 7, 8])
    pixels, weights = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    seen, order = Observations.sorted_by(points, 3, views, pixels, weights)
    assert seen.starts.tolist() == [0, 2, 2, 4]
    assert seen.views.tolist() == [6, 8, 5, 7] and order.tolist() == [1, 3, 0, 2]
    assert seen.pixels[0].tolist() == [2, 3] and seen.weights.tolist() == [1, 3, 0, 2]


def test_derivatives_are_those_of_differences() -> None:
    x, y, z = 0.4, -0.3, 1.7
    J, Jt, Jc = np.zeros((2, 3)), np.zeros((2, 6)), np.zeros((2, bundle_kernels.LENS))
    vector, drift = LENS.vector, np.array([30.0, -8.0])
    bundle_kernels.point_derivatives(vector, x, y, z, J)
    bundle_kernels.twist_derivatives(J, x, y, z, Jt)
    bundle_kernels.lens_derivatives(vector, x, y, z, drift, Jc)
    here, step = np.array(project(vector, x, y, z)), 1e-6
    for a in range(3):
        moved = np.array([x, y, z]) + step * np.eye(3)[a]
        assert (np.array(project(vector, *moved)) - here) / step == pytest.approx(J[:, a], abs=1e-2)
    for a in range(6):
        T = moved_pose(step * np.eye(6)[a], np.eye(3, 4))
        moved = T[:, :3] @ [x, y, z] + T[:, 3]
        there = np.array(project(vector, *moved))
        assert (there - here) / step == pytest.approx(Jt[:, a], abs=1e-2)
    longer = np.array(project(LENS.changed(step, LENS.k1, 0.0).vector, x, y, z))
    rounder = np.array(project(LENS.changed(0, LENS.k1 + step, 0.0).vector, x, y, z))
    assert (longer - here) / step == pytest.approx(Jc[:, 0], abs=1e-2)
    assert (rounder - here) / step == pytest.approx(Jc[:, 1], abs=1e-2)
    later = LENS.changed(0, LENS.k1, step).vector
    u, v = here
    slower = np.array(bundle_kernels.off_by(later, u, v, here, drift))
    assert slower / step * bundle_kernels.READOUT == pytest.approx(Jc[:, 2], rel=1e-6)
