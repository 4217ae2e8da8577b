"""Points stand where all who see them say, and what nobody can say is left out."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mapper.backend.tracks.linking import link
from mapper.backend.tracks.triangulation import triangulate, well_seen
from mapper.backend.tracks.view import View
from mapper.core.sparse_points import SparsePoints
from mapper.vision.local_features import LocalFeatures
from tests.support.views.tracked_scene import NameMatcher, poses_along, view_of, world_points

POINTS = world_points(40)


def _found(views: list[View]) -> SparsePoints:
    tracks = link(views, list(combinations(range(len(views)), 2)), NameMatcher())
    return triangulate(views, tracks)


@pytest.mark.parametrize("depth", [True, False])
def test_points_are_where_they_are(depth: bool) -> None:
    found = _found([view_of(T, POINTS, depth=depth) for T in poses_along(4)])
    np.testing.assert_allclose(found.positions, POINTS, atol=1e-4)
    assert found.lengths.tolist() == [4] * len(POINTS) and found.errors.max() < 0.01


def test_errors_are_those_of_the_features() -> None:
    """Half a pixel of noise a side: 0.63 pixels on average, less what the points give way by."""
    found = _found([view_of(T, POINTS, noise=0.5) for T in poses_along(8)])
    assert 0.45 < found.errors.mean() < 0.65
    np.testing.assert_allclose(
        found.mean_errors,
        [
            found.errors[a:b].mean()
            for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)
        ],
    )


def test_the_scale_of_a_keyframe_counts() -> None:
    views = [view_of(T, POINTS) for T in poses_along(2, (1e-6, 0.0, 0.0))]  # depth alone tells
    halved = []
    for view in views:
        kept = view.features
        features = LocalFeatures(kept.pixels, kept.descriptors, kept.points / 2)
        halved.append(replace(view, features=features, scale=2.0))
    np.testing.assert_allclose(_found(halved).positions, POINTS, atol=1e-2)


def test_without_depth_and_without_an_angle_there_is_no_point() -> None:
    apart = [view_of(T, POINTS, depth=False) for T in poses_along(2, (0.005, 0.0, 0.0))]
    assert len(_found(apart)) == 0


def test_a_feature_that_is_off_is_left_out_of_its_track() -> None:
    views = [view_of(T, POINTS) for T in poses_along(5)]
    pixels = views[2].features.pixels.copy()
    pixels[7] += [0.0, 6.0]
    kept = views[2].features
    views[2] = replace(views[2], features=LocalFeatures(pixels, kept.descriptors, kept.points))
    seen = well_seen(views, _found(views))
    assert seen.lengths.tolist() == [5] * 7 + [4] + [5] * 32
    np.testing.assert_allclose(seen.positions[7], POINTS[7], atol=0.02)
