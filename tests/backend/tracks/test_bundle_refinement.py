"""Refining brings poses nearer to the truth, keeps the scale, and refuses what is no help."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mapper.backend.tracks import bundle_refinement
from mapper.backend.tracks.bundle_refinement import refine
from mapper.backend.tracks.linking import link
from mapper.backend.tracks.triangulation import triangulate
from mapper.core.geometry import exp_se3
from mapper.core.sparse_points import SparsePoints
from mapper.errors import ConfigError, InputError
from tests.support.views.tracked_scene import LENS, NameMatcher, poses_along, view_of, world_points

POINTS = world_points(120)
VIEWS = 6
BENT = np.array([0.0, 0.0, 0.03])  # metres forth and back, so that the line is a curve


def _truth(straight: bool) -> np.ndarray:
    poses = poses_along(VIEWS)
    if not straight:
        poses[:, :3, 3] += BENT * np.sin(np.arange(VIEWS))[:, None]
    return poses


def _disturbed(truth: np.ndarray, size: float = 0.003) -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.array([T @ exp_se3(size * rng.standard_normal(6)) for T in truth])


def _points(truth: np.ndarray, T_world_camera: np.ndarray, noise: float = 0.3) -> SparsePoints:
    """What the true cameras see, found with the wrong poses."""
    seen = [view_of(T, POINTS, noise=noise) for T in truth]
    views = [replace(view, T_world_camera=T) for view, T in zip(seen, T_world_camera, strict=True)]
    return triangulate(views, link(views, list(combinations(range(VIEWS), 2)), NameMatcher()))


def _relative_errors(truth: np.ndarray, T: np.ndarray) -> float:
    """Metres by which steps between views are off."""
    steps = [np.linalg.inv(poses[:-1]) @ poses[1:] for poses in (truth, T)]
    return float(np.linalg.norm((steps[0] - steps[1])[:, :3, 3], axis=1).mean())


@pytest.mark.parametrize("straight", [True, False])
def test_poses_come_nearer_to_the_truth(straight: bool) -> None:
    """On a straight line too, about which positions alone do not say how a map lies."""
    pytest.importorskip("pycolmap")
    truth = _truth(straight)
    given = _disturbed(truth)
    refined = refine(given, [LENS] * VIEWS, _points(truth, given))
    assert refined.after < 0.6 * refined.before and refined.after < 0.5
    assert _relative_errors(truth, refined.T_world_camera) < _relative_errors(truth, given)
    turned = refined.T_world_camera[:, :3, :3] @ np.swapaxes(given[:, :3, :3], 1, 2)
    assert np.arccos((np.trace(turned, axis1=1, axis2=2) - 1) / 2).max() < 0.02
    span = [np.linalg.norm(T[-1, :3, 3] - T[0, :3, 3]) for T in (given, refined.T_world_camera)]
    assert span[1] == pytest.approx(span[0], rel=0.01)
    assert refined.moved < 0.02 and len(refined.points) > 100


def test_what_is_no_help_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pycolmap")
    truth = _truth(straight=False)
    given = _disturbed(truth)
    points = _points(truth, given)

    def worse(pycolmap: object, model: object, *_: object) -> None:
        for image in model.images.values():  # type: ignore[attr-defined]
            frame = model.frames[image.frame_id]  # type: ignore[attr-defined]
            wrong = frame.rig_from_world
            wrong.translation = wrong.translation + 0.01 * np.sin(image.image_id * np.arange(3))
            frame.rig_from_world = wrong

    monkeypatch.setattr(bundle_refinement, "_adjust", worse)
    with pytest.raises(InputError, match=r"did not help.*px before.*px after"):
        refine(given, [LENS] * VIEWS, points)


def test_a_camera_that_goes_too_far_is_refused() -> None:
    """All that one view sees lies elsewhere than its pose says."""
    pytest.importorskip("pycolmap")
    truth = _truth(straight=False)
    given = truth.copy()
    points = _points(truth, given)
    given[3] = given[3] @ exp_se3(np.array([0, 0.2, 0, 0.4, 0, 0]))
    with pytest.raises(InputError, match=r"moved a camera|did not help"):
        refine(given, [LENS] * VIEWS, points)


def test_too_little_is_told_and_so_is_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pycolmap")
    truth = _truth(straight=False)
    points = _points(truth, truth)
    few = points.with_observations(points.views < 2)
    with pytest.raises(InputError, match="3 images that see 20 points"):
        refine(truth, [LENS] * VIEWS, few)
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(ConfigError, match=r"extra sfm.*pip install pycolmap"):
        refine(truth, [LENS] * VIEWS, points)


def test_an_image_that_sees_little_stays() -> None:
    pytest.importorskip("pycolmap")
    truth = _truth(straight=False)
    given = _disturbed(truth)
    points = _points(truth, given)
    points = points.with_observations((points.views != 5) | (points.of < 10))
    refined = refine(given, [LENS] * VIEWS, points)
    moved = np.abs(refined.T_world_camera - given).max((1, 2))
    assert moved[5] == 0 and moved[:5].min() > 1e-4
