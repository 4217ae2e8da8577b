"""The dense map follows the poses that it is told, within its budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mapper.backend.fusion.map_fusion import FusionConfig, MapFusion
from mapper.backend.fusion.tsdf import TsdfConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import exp_se3, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.sim3 import similarity

CAMERA = Intrinsics(60, 60, 39.5, 29.5, 80, 60)
CONFIG = FusionConfig(tsdf=TsdfConfig(voxel_size=0.04, min_weight=1e-3), move_tolerance=0.25)
TOLERANCE = 0.25 * 0.04


def wall(_: int) -> KeyframeMap:
    depth = np.full((60, 80), 1.5, np.float32)
    return KeyframeMap(depth, np.ones_like(depth), np.full((60, 80, 3), 100, np.uint8), CAMERA)


def ahead(z: float) -> np.ndarray:
    return pose(np.eye(3), np.array([0, 0, z]))


def heights(fusion: MapFusion) -> np.ndarray:
    """Where along z the map has surface, to the centimetre."""
    return np.unique(np.round(fusion.extract_mesh().vertices[:, 2], 2))


def test_new_keyframes_go_in_at_their_pose() -> None:
    fusion = MapFusion(CONFIG, wall)
    assert fusion.sync({0: ahead(0), 1: ahead(3)}) == 0
    np.testing.assert_allclose(heights(fusion), [1.5, 4.5], atol=0.01)
    assert fusion.moved == 0


def test_a_keyframe_that_moved_moves_its_surface() -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({0: ahead(0)})
    fusion.sync({0: ahead(1)})
    np.testing.assert_allclose(heights(fusion), [2.5], atol=0.01)
    assert fusion.moved == 1


def test_a_keyframe_that_is_no_longer_wanted_goes() -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({0: ahead(0), 1: ahead(3)})
    fusion.sync({1: ahead(3)})
    np.testing.assert_allclose(heights(fusion), [4.5], atol=0.01)
    fusion.sync({})
    assert len(fusion.extract_mesh().vertices) == 0


def test_a_keyframe_that_went_may_come_back() -> None:
    fusion = MapFusion(CONFIG, wall)
    for target in ({0: ahead(0)}, {}, {0: ahead(2)}):
        fusion.sync(target)
    np.testing.assert_allclose(heights(fusion), [3.5], atol=0.01)


@pytest.mark.parametrize(
    ("motion", "moves"),
    [
        ([0, 0, 0, 0.9 * TOLERANCE, 0, 0], 0),
        ([0, 0, 0, 0, 1.1 * TOLERANCE, 0], 1),
        # A rotation counts by what it moves two metres away.
        ([0, 0.9 * TOLERANCE / 2, 0, 0, 0, 0], 0),
        ([0, 1.1 * TOLERANCE / 2, 0, 0, 0, 0], 1),
    ],
)
def test_motions_below_the_tolerance_are_left_alone(motion: list[float], moves: int) -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({0: np.eye(4)})
    fusion.sync({0: exp_se3(np.array(motion))})
    assert fusion.moved == moves


def test_small_motions_add_up() -> None:
    fusion = MapFusion(CONFIG, wall)
    for step in range(4):  # each below the tolerance, together above it
        fusion.sync({0: ahead(0.4 * TOLERANCE * step)})
    assert fusion.moved == 1


def test_within_a_budget_the_furthest_off_go_first_and_the_rest_waits() -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({k: ahead(10.0 * k) for k in range(4)})
    target = {k: ahead(10.0 * k + shift) for k, shift in enumerate((0.1, 0.5, 0.3, 0.2))}
    assert fusion.sync(target, max_moves=2) == 2
    np.testing.assert_allclose(heights(fusion), [1.5, 12.0, 21.8, 31.5], atol=0.011)
    assert fusion.sync(target, max_moves=2) == 0
    np.testing.assert_allclose(heights(fusion), [1.6, 12.0, 21.8, 31.7], atol=0.011)
    assert fusion.moved == 4


def test_new_keyframes_do_not_wait_for_the_budget() -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({0: ahead(0), 1: ahead(5)}, max_moves=0)
    np.testing.assert_allclose(heights(fusion), [1.5, 6.5], atol=0.01)


def test_poses_are_copied_when_a_keyframe_goes_in() -> None:
    fusion = MapFusion(CONFIG, wall)
    T = ahead(0)
    fusion.sync({0: T})
    T[2, 3] = 1.0  # the graph moves its own array
    fusion.sync({0: T})
    np.testing.assert_allclose(heights(fusion), [2.5], atol=0.01)


def slope(units: float) -> KeyframeMap:
    """A slanted floor with a gap, whose depths are in units of 1 / `units` metres."""
    metres = np.linspace(1.2, 2.4, 60)[:, None] * np.ones((60, 80))
    metres[20:30, 30:50] = 0
    depth = (metres * units).astype(np.float32)
    weight = (depth > 0).astype(np.float32)
    return KeyframeMap(depth, weight, np.full((60, 80, 3), 100, np.uint8), CAMERA)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_a_scaled_keyframe_lands_where_its_depth_in_metres_would(scale: float) -> None:
    T = exp_se3(np.array([0.1, -0.2, 0.3, 0.5, 0.2, -0.4]))
    metric, scaled = MapFusion(CONFIG, lambda _: slope(1.0)), MapFusion(CONFIG, _in_units(scale))
    metric.sync({0: T})
    scaled.sync({0: similarity(scale, T)})
    expected, found = metric.extract_mesh(), scaled.extract_mesh()
    assert len(expected.vertices) > 500
    # Blocks come in any order, and rounding may tip a voxel on the rim over.
    assert len(found.faces) == pytest.approx(len(expected.faces), rel=1e-3)
    for a, b in ((expected, found), (found, expected)):
        distances, _ = cKDTree(a.vertices).query(b.vertices)
        assert np.quantile(distances, 0.999) < 1e-4 and distances.max() < 0.04


def _in_units(scale: float) -> Callable[[int], KeyframeMap]:
    return lambda _: slope(1 / scale)


def test_a_keyframe_whose_scale_changed_moves_its_surface_and_leaves_nothing_behind() -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({0: similarity(2.0, ahead(0))})
    np.testing.assert_allclose(heights(fusion), [3.0], atol=0.01)
    fusion.sync({0: similarity(1.4, ahead(0))})
    np.testing.assert_allclose(heights(fusion), [2.1], atol=0.011)
    fusion.sync({})
    assert len(fusion.extract_mesh().vertices) == 0


@pytest.mark.parametrize(("change", "moves"), [(0.9, 0), (1.1, 1)])
def test_a_change_of_scale_counts_by_what_it_moves_two_metres_away(
    change: float, moves: int
) -> None:
    fusion = MapFusion(CONFIG, wall)
    fusion.sync({0: np.eye(4)})
    # All three axes grow, where a turn moves only two: the norm is sqrt(3 / 2) larger.
    growth = change * TOLERANCE / 2 / np.sqrt(1.5)
    fusion.sync({0: similarity(1 + growth, np.eye(4))})
    assert fusion.moved == moves
