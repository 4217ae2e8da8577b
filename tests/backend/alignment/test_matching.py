"""Samples are found again to a tenth of a pixel, and not where there is nothing to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.geometry import Pairs, Picked, carry, inside, lookup
from mapper.backend.alignment.matching import Matches, match
from mapper.backend.alignment.views import Views
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from tests.support.plane_views import PLANE, all_pairs, moved, plane_map, state_of, views_of

FIVE_PIXELS = np.arctan(5 / PLANE.fx)


def errors(views: Views, matches: Matches, truth: list[np.ndarray]) -> torch.Tensor:
    """(n,) pixels between where samples were found and where they are."""
    true = carry(views, state_of(truth), matches.picked)
    return (matches.pixels - true.pixels).norm(dim=-1)[matches.found]


@pytest.mark.parametrize(
    "second",
    [
        moved(),
        moved(x=0.12, y=-0.05),
        moved(x=0.1, roll=0.08),
        moved(z=-0.2),  # ten per cent smaller
    ],
)
def test_samples_are_found_from_five_pixels_off(second: np.ndarray) -> None:
    truth = [moved(), second]
    views = views_of([plane_map(T) for T in truth])
    start = [truth[0], truth[1] @ moved(yaw=FIVE_PIXELS)]
    projected = carry(views, state_of(start), _all(views)).pixels
    actual = carry(views, state_of(truth), _all(views)).pixels
    assert (projected - actual).norm(dim=-1).median() > 4.9
    matches = match(views, state_of(start), all_pairs(2))
    off = errors(views, matches, truth)
    tried = inside(views, actual, torch.ones((len(actual), 3)))
    assert len(off) > 0.6 * tried.sum()
    # The waves repeat: a few corners settle on a place that looks alike, for the kernel to drop.
    assert off.median() < 0.05 and (off < 0.1).float().mean() > 0.9


def _all(views: Views) -> Picked:
    corners = torch.nonzero(torch.isfinite(views.sample_log_depth[0]) & views.is_corner)[:, 0]
    pair = Pairs(torch.tensor([0]), torch.tensor([1]))
    return Picked(pair, torch.zeros_like(corners), corners)


def test_blank_images_have_no_matches_and_their_depth_is_compared_all_the_same() -> None:
    truth = [moved(), moved(x=0.1)]
    maps = []
    for T in truth:
        whole = plane_map(T)
        gray = np.full_like(whole.image, 128)
        maps.append(KeyframeMap(whole.depth, whole.weight, gray, PLANE, whole.noise))
    matches = match(views_of(maps), state_of(truth), all_pairs(2))
    assert not matches.found.any()
    assert len(matches.found) > 100


def test_faint_texture_is_no_texture() -> None:
    """A patch must differ by 2 % of the range; here it is one grey level in two hundred."""
    truth = [moved(), moved(x=0.1)]
    views = views_of([plane_map(T) for T in truth])
    faint = tuple(patch * 0.005 for patch in views.patches)
    matches = match(replace(views, patches=faint), state_of(truth), all_pairs(2))
    assert not matches.found.any()


def test_what_another_surface_hides_is_not_found() -> None:
    """The second camera looks at a flat grey board over the left half of its image."""
    truth = [moved(), moved(x=0.1)]
    first, second = (plane_map(T) for T in truth)
    image, depth = second.image.copy(), second.depth.copy()
    image[:, :80], depth[:, :80] = 128, 1.0
    hidden = KeyframeMap(depth, second.weight, image, PLANE, second.noise)
    views = views_of([first, hidden])
    matches = match(views, state_of(truth), all_pairs(2))
    forward = matches.picked.i == 0
    assert not (matches.found & forward & (matches.pixels[:, 0] < 75)).any()
    assert (matches.found & forward & (matches.pixels[:, 0] > 85)).sum() > 15


def test_what_is_out_of_view_is_not_looked_for() -> None:
    """Half a metre aside at 2 m: 37 pixels of the first view are gone."""
    truth = [moved(), moved(x=0.5)]
    views = views_of([plane_map(T) for T in truth])
    matches = match(views, state_of(truth), all_pairs(2))
    carried = carry(views, state_of(truth), matches.picked)
    assert inside(views, carried.pixels, carried.X_j).all()
    forward = matches.picked.i == 0
    assert views.samples[0, matches.picked.m[forward], 0].min() > 37
    assert errors(views, matches, truth).median() < 0.05


def test_cameras_back_to_back_share_nothing() -> None:
    truth = [moved(), moved(yaw=np.pi)]
    views = views_of([plane_map(moved()), plane_map(moved())])
    assert len(match(views, state_of(truth), all_pairs(2)).found) == 0


def test_a_view_four_times_as_near_is_refused() -> None:
    """At 2 m and at 0.9 m a patch has five times the area: not tracked."""
    truth = [moved(), moved(z=1.1)]
    views = views_of([plane_map(T) for T in truth])
    assert not match(views, state_of(truth), all_pairs(2)).found.any()


def test_parts_hold_the_matches_of_their_pairs() -> None:
    truth = [moved(), moved(x=0.1), moved(x=-0.1)]
    views = views_of([plane_map(T) for T in truth])
    matches = match(views, state_of(truth), all_pairs(3))
    parts = [matches.part(start, start + 2) for start in (0, 2, 4)]
    assert sum(len(part.found) for part in parts) == len(matches.found)
    assert all(set(part.picked.pair.tolist()) == {0, 1} for part in parts)
    second = matches.part(2, 4)
    pairs = all_pairs(3)
    assert (second.picked.i == pairs.i[second.picked.pair + 2]).all()
    assert (second.picked.j == pairs.j[second.picked.pair + 2]).all()


def test_lookup_is_bilinear_in_each_view_and_unknown_beside_a_hole() -> None:
    maps = torch.arange(24, dtype=torch.float32).reshape(2, 1, 3, 4).clone()
    maps[1, 0, 2, 3] = torch.nan
    pixels = torch.tensor([[1.5, 0.5], [1.5, 0.5], [2.5, 1.5]])
    found = lookup(maps, torch.tensor([0, 1, 1]), pixels)
    torch.testing.assert_close(found[:2], torch.tensor([3.5, 15.5]))
    assert found[2].isnan()
