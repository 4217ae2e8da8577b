"""Tracks join the features of one point and see no image twice, if the poses agree."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mapper.backend.tracks.linking import link
from mapper.backend.tracks.view import View
from mapper.vision.local_features import LocalFeatures
from tests.support.views.tracked_scene import NameMatcher, poses_along, view_of, world_points

POINTS = world_points(30)


def _views(depth: bool = True) -> list[View]:
    return [view_of(T, POINTS, depth=depth) for T in poses_along(4)]


def _renamed(view: View, feature: int, name: int) -> View:
    names = view.features.descriptors.copy()
    names[feature] = name
    kept = view.features
    return replace(view, features=LocalFeatures(kept.pixels, names, kept.points))


@pytest.mark.parametrize("depth", [True, False])
def test_what_matches_from_view_to_view_is_one_track(depth: bool) -> None:
    tracks = link(_views(depth), [(0, 1), (1, 2), (2, 3)], NameMatcher())
    assert np.diff(tracks.starts).tolist() == [4] * len(POINTS)
    assert tracks.views.reshape(-1, 4).tolist() == [[0, 1, 2, 3]] * len(POINTS)
    assert all(len(set(row)) == 1 for row in tracks.features.reshape(-1, 4).tolist())


@pytest.mark.parametrize("depth", [True, False])
def test_matches_that_the_poses_contradict_are_left_out(depth: bool) -> None:
    """Feature 3 of the last view bears the name of a point that lies elsewhere in the image."""
    views = _views(depth)
    far = int(np.argmax(np.abs(POINTS[:, 1] - POINTS[3, 1])))
    views[3] = _renamed(_renamed(views[3], far, -1), 3, far)
    tracks = link(views, list(combinations(range(4), 2)), NameMatcher())
    lengths = dict(zip(tracks.features[tracks.starts[:-1]], np.diff(tracks.starts), strict=True))
    assert lengths.pop(3) == lengths.pop(far) == 3 and set(lengths.values()) == {4}


def test_a_track_never_sees_a_view_twice() -> None:
    """Two points a pixel apart, which are taken for each other in one pair of views."""
    close = np.concatenate([POINTS, POINTS[:1] + [0.003, 0, 0]])
    views = [view_of(T, close) for T in poses_along(3)]
    matcher = NameMatcher()

    class Confusing(NameMatcher):
        def match(self, a: LocalFeatures, b: LocalFeatures) -> np.ndarray:
            pairs = matcher.match(a, b)
            return np.concatenate([pairs, [[0, 30]]]) if a is views[0].features else pairs

    tracks = link(views, [(0, 1), (0, 2), (1, 2)], Confusing())
    for start, end in zip(tracks.starts[:-1], tracks.starts[1:], strict=True):
        assert len(set(tracks.views[start:end])) == end - start
    assert len(tracks.starts) - 1 == 31 and set(np.diff(tracks.starts)) == {3}


def test_views_without_features_have_no_tracks() -> None:
    empty = view_of(np.eye(4), POINTS[:0])
    tracks = link([empty, empty], [(0, 1)], NameMatcher())
    assert tracks.starts.tolist() == [0] and len(tracks.views) == 0
