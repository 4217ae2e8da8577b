"""Keyframes as stacked tensors: levels, bilinear values, and the samples that are looked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mapper.backend.alignment.views import BORDER, LEVELS, at_level, sample_images
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from tests.support.plane_views import CONFIG, PLANE, moved, plane_map, views_of


def stack() -> torch.Tensor:
    """(1, 3, 4, 5): 100 a view, 10 a row, 1 a column."""
    view, v, u = np.indices((3, 4, 5))
    return torch.from_numpy((100 * view + 10 * v + u).astype(np.float32))[None]


@pytest.mark.parametrize("view", [0, 1, 2])
@pytest.mark.parametrize(
    ("u", "v", "expected"),
    [
        (2.0, 1.0, 12.0),
        (1.25, 2.5, 26.25),  # 10 * 2.5 + 1.25: bilinear keeps planes
        (4.0, 3.0, 34.0),  # the last pixel of its view, not the next view's first
        (1.5, 3.7, 31.5),  # below the last row: repeated, not mixed with the next view
        (1.5, -0.6, 1.5),  # above the first row: not mixed with the view before
        (-2.0, 1.0, 10.0),
        (9.0, 1.0, 14.0),
    ],
)
def test_values_are_of_the_view_asked_for(view: int, u: float, v: float, expected: float) -> None:
    found = sample_images(stack(), torch.tensor([view]), torch.tensor([[[u, v]]]))
    assert found.shape == (1, 1, 1)
    # float32 positions in the tall image: 1e-6 of 12 rows, times a slope of 10.
    assert found.item() == pytest.approx(100 * view + expected, abs=1e-3)


def test_a_hand_computed_value_of_every_channel() -> None:
    images = torch.zeros((2, 2, 3, 3))
    images[0, 1, 1, 1], images[0, 1, 1, 2], images[0, 1, 2, 1] = 8.0, 4.0, 2.0
    images[1, 1] = 7.0
    found = sample_images(images, torch.tensor([1, 0]), torch.full((2, 1, 2), 1.25))
    # 0.75^2 * 8 + 0.25 * 0.75 * (4 + 2)
    torch.testing.assert_close(found[:, :, 0], torch.tensor([[5.625, 0.0], [7.0, 0.0]]))


def test_a_pixel_of_a_level_is_the_mean_of_those_it_covers() -> None:
    """The block 2..3 at level 1 is pixel 1; its middle is 2.5."""
    centres = torch.tensor([[0.5, 2.5], [1.5, 5.5]])
    torch.testing.assert_close(at_level(centres[:1], 1), torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(at_level(centres[1:], 2), torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(at_level(centres, 0), centres)


def test_every_level_shows_the_same_place_at_the_same_position() -> None:
    """A corner of four pixels is one of four blocks at level 1, and a middle at level 2."""
    views = views_of([plane_map(np.eye(4))])
    assert [image.shape[-2:] for image in views.images] == [(120, 160), (60, 80), (30, 40)]
    place = torch.tensor([[[81.5, 61.5]]])
    first = torch.tensor([0])
    full = views.images[0][0, 0]
    means = full[61:63, 81:83].mean(), full[60:64, 80:84].mean(), full[60:64, 80:84].mean()
    for level in range(LEVELS):
        value = sample_images(views.images[level], first, at_level(place, level))[0]
        assert value.item() == pytest.approx(means[level].item(), abs=1e-5)


def test_samples_lie_on_whole_pixels_inside_and_carry_that_pixels_depth() -> None:
    views = views_of([plane_map(moved(pitch=0.2))])
    present = torch.isfinite(views.sample_log_depth[0])
    samples = views.samples[0][present]
    assert present.sum() > 100 and (samples == samples.round()).all()
    assert (samples >= BORDER).all() and (samples < torch.tensor([160, 120]) - BORDER).all()
    u, v = samples.long().T
    torch.testing.assert_close(views.log_depth[0, 0, v, u], views.sample_log_depth[0][present])
    corners = torch.isfinite(views.sample_log_depth[0][: CONFIG.corners]).sum()
    assert 20 < corners <= CONFIG.corners
    assert views.is_corner.sum() == CONFIG.corners


def test_large_images_are_reduced_with_their_cameras() -> None:
    views = views_of([plane_map(np.eye(4))], replace(CONFIG, width=80))
    assert views.size == (60, 80)
    half = PLANE.resized(80, 60)
    expected = torch.tensor([[half.fx, half.fy, half.cx, half.cy]])
    torch.testing.assert_close(views.cameras, expected, check_dtype=False)


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_view_without_depth_has_no_samples(nothing: float) -> None:
    whole = plane_map(np.eye(4))
    depth = np.full_like(whole.depth, nothing)
    empty = KeyframeMap(depth, whole.weight, whole.image, whole.intrinsics, whole.noise)
    views = views_of([whole, empty])
    assert not torch.isfinite(views.sample_log_depth[1]).any()
    assert not torch.isfinite(views.log_depth[1]).any()
    assert torch.isfinite(views.sample_log_depth[0]).sum() > 100
    assert torch.isfinite(views.depth_sigma).all()


def test_points_of_little_confidence_and_rims_are_no_samples() -> None:
    whole = plane_map(np.eye(4))
    depth, weight = whole.depth.copy(), whole.weight.copy()
    weight[:, :60] = 0.2  # of the median, which is 1
    depth[:, 110:] *= 1.5
    views = views_of([KeyframeMap(depth, weight, whole.image, whole.intrinsics, whole.noise)])
    known = torch.isfinite(views.log_depth[0, 0])
    assert not known[:, :60].any() and not known[:, 109:111].any()
    assert known[1:-1, 60:109].all() and known[1:-1, 111:-1].all()


def test_holes_are_filled_from_the_nearest_depth_there_is() -> None:
    holed, empty = plane_map(moved()), plane_map(moved())
    holed.depth[:, :80], holed.depth[:, 80:] = 2.0, 2.05
    holed.depth[30:90, 60:80] = 0
    empty.depth[:] = 0
    views = views_of([holed, empty])
    known = torch.isfinite(views.log_depth[0])
    torch.testing.assert_close(views.filled_log_depth[0][known], views.log_depth[0][known])
    filled = views.filled_log_depth[0, 0].exp()
    assert not known[0, 60, 62] and filled[60, 62].item() == pytest.approx(2.0)
    assert not known[0, 60, 77] and filled[60, 77].item() == pytest.approx(2.05)
    assert views.filled_log_depth[1].isnan().all()
