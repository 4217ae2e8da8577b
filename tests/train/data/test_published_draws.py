"""Crops, rays, views, batches and epochs come out as recorded of the published data pipelines."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden.recording import check
from golden.runners import RUNNERS
from golden.training.data import draws

from mapper.errors import InputError
from mapper.train.data.cropping import Crop
from mapper.train.data.scene import View
from mapper.train.data.view_selection import ViewRule, choose_views
from tests.support.networks.published import recording, recordings
from tests.support.paths import COMMITTED_GOLDEN

RECORDED = json.loads((COMMITTED_GOLDEN / "training" / "data_pipeline.json").read_text("utf-8"))
KINDS = {
    "view_selection", "image_and_ray_masks metric", "image_and_ray_masks not_metric", "sampler",
    "sampler_stream3r", "resized",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_drawn_is_what_a_seed_gives(kind: str) -> None:
    found = [(ours, theirs) for name, ours, theirs in draws(RECORDED) if name == kind]
    assert found and {name for name, *_ in draws(RECORDED)} == KINDS
    for ours, theirs in found:
        assert ours == theirs


@pytest.mark.parametrize("name", [n for n in recordings("training") if n.endswith("data_pipeline")])
def test_crops_rays_and_points_are_the_recorded_ones(name: str) -> None:
    verdict = check(recording("training", name), RUNNERS)
    assert len(verdict.differences) >= 8 and verdict.skipped == []
    assert [d for d in verdict.differences if not d.within(1e-6)] == []


def test_a_single_view_is_the_first() -> None:
    assert choose_views(1, 2, 9, ViewRule(), np.random.default_rng(0)).positions == [2]


def test_a_scene_that_is_too_short_is_refused_unless_views_may_come_again() -> None:
    with pytest.raises(ValueError, match="too few"):
        choose_views(6, 2, 5, ViewRule(), np.random.default_rng(0))
    again = choose_views(6, 0, 5, ViewRule(repeats=True), np.random.default_rng(0))
    assert len(again.positions) == 6 and set(again.positions) <= set(range(5))


def test_a_crop_keeps_each_pixels_ray() -> None:
    """A point seen at a pixel of the crop is the one that was seen there before: the depth is that
    of a plane whose depth depends on the ray."""
    rows, columns = np.mgrid[:90, :120].astype(np.float32)
    K = np.array([[100.0, 0, 57.3], [0, 100.0, 46.8], [0, 0, 1]])
    depth = 2 + (columns - 57.3) / 100 + 0 * rows
    image = np.zeros((90, 120, 3), np.uint8)
    crop = Crop((60, 40), 8)(View(image, depth, np.eye(4), K), np.random.default_rng(3))
    assert crop.image.shape == (40, 60, 3) and crop.depth.shape == (40, 60)
    ray = (np.arange(60) - crop.intrinsics[0, 2]) / crop.intrinsics[0, 0]
    assert np.abs(crop.depth - (2 + ray)).max() < 0.02  # the nearest pixel's


def test_a_principal_point_of_another_size_is_refused() -> None:
    K = np.array([[100.0, 0, 300], [0, 100.0, 40], [0, 0, 1]])
    view = View(np.zeros((90, 120, 3), np.uint8), np.ones((90, 120), np.float32), np.eye(4), K)
    with pytest.raises(InputError, match=r"\(300, 40\).*120x90"):
        Crop((60, 40))(view, np.random.default_rng(0))
