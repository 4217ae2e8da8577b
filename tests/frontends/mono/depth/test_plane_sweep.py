"""The depth of two walls and the step between them, seen from three places."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mapper.core.intrinsics import Intrinsics
from mapper.frontends.mono.depth.answers import reduced_size
from mapper.frontends.mono.depth.consistency import consistent
from mapper.frontends.mono.depth.plane_sweep import sweep
from mapper.frontends.mono.depth.sweep import census
from mapper.frontends.mono.depth.view import RawDepth, SweptView, between

CAMERA = Intrinsics(120.0, 120.0, 79.5, 59.5, 160, 120)
NEAR, FAR = 1.5, 3.0  # the left half of the middle view is near


def texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.standard_normal((400, 600)), (0, 0), 2.0)
    return np.clip(120 + 40 * noise / noise.std(), 0, 255).astype(np.float32)


WALLS = {NEAR: texture(1), FAR: texture(2)}


def seen(x: float) -> tuple[SweptView, np.ndarray]:
    """The view from x units to the right, and its true depth."""
    columns, rows = np.meshgrid(np.arange(160.0), np.arange(120.0))
    ray_x, ray_y = (columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy
    depth = np.where(x + ray_x * NEAR < 0, NEAR, FAR)
    image = np.zeros((120, 160), np.float32)
    for z, wall in WALLS.items():
        u = ((x + ray_x * z) * 100 + 300).astype(np.float32)
        v = (ray_y * z * 100 + 200).astype(np.float32)
        image = np.where(depth == z, cv2.remap(wall, u, v, cv2.INTER_LINEAR), image)
    T = np.eye(3, 4)
    T[0, 3] = -x
    return SweptView(T, image.astype(np.uint8), CAMERA, NEAR, FAR), depth


@pytest.fixture(scope="module")
def swept() -> list[tuple[RawDepth, np.ndarray]]:
    places = (-0.2, -0.1, 0.0, 0.1, 0.2)
    views = [seen(x) for x in places]
    return [
        (sweep(view, [other for other, _ in views if other is not view], 48), depth)
        for view, depth in views
    ]


def test_depths_are_right_between_the_planes(swept: list[tuple[RawDepth, np.ndarray]]) -> None:
    raw, depth = swept[2]
    errors = np.abs(1 / raw.inverse - depth) / depth
    inside = np.zeros_like(errors, bool)
    inside[8:-8, 8:-8] = True
    away = inside & (np.abs(np.arange(160) - 79.5) > 12)
    assert np.median(errors[away]) < 0.003 and (errors[away] < 0.01).mean() > 0.97
    assert np.median(raw.zncc[away]) > 0.9


def test_what_others_do_not_see_alike_is_left_out(
    swept: list[tuple[RawDepth, np.ndarray]],
) -> None:
    raw, depth = swept[2]
    others = [other for other, _ in swept if other is not raw]
    found = consistent(raw, others)
    kept = found.depth > 0
    assert kept.mean() > 0.7
    errors = np.abs(found.depth - depth)[kept] / depth[kept]
    assert (errors < 0.03).mean() > 0.97
    assert found.confidence[kept].min() > 0 and found.confidence.max() <= 1
    assert not found.confidence[~kept].any()
    alone = consistent(raw, others[:1])
    assert not alone.depth.any() and alone.share == 0


def test_a_map_that_is_wrong_is_contradicted(swept: list[tuple[RawDepth, np.ndarray]]) -> None:
    raw, _ = swept[2]
    others = [other for other, _ in swept if other is not raw]
    wrong = raw.inverse.copy()
    wrong[40:80, 20:60] = 1.0  # floats half a unit before the near wall
    found = consistent(replace(raw, inverse=wrong), others)
    there = found.depth[40:80, 20:60]
    assert (there > 0).mean() > 0.7  # by the others, which see the wall behind it
    assert np.abs(there[there > 0] / NEAR - 1).max() < 0.03
    assert (found.depth[40:80, 100:140] > 0).mean() > 0.7
    as_wrong = replace(others[1], inverse=np.full_like(raw.inverse, 1.0))
    found = consistent(replace(raw, inverse=wrong), [as_wrong, others[0], *others[2:]])
    assert not (np.abs(found.depth[40:80, 20:60] - 1) < 0.03).any()  # three look through the two


def test_what_one_view_lacks_others_have_seen(swept: list[tuple[RawDepth, np.ndarray]]) -> None:
    """Nothing of its own there: three others, each confirmed by two, or nothing."""
    raw, depth = swept[2]
    others = [other for other, _ in swept if other is not raw]
    blind = replace(raw, zncc=np.where(np.arange(160) < 60, np.float32(0), raw.zncc))
    found = consistent(blind, others)
    inside = np.s_[15:105, 15:55]
    kept = found.depth[inside] > 0
    assert kept.mean() > 0.8
    errors = np.abs(found.depth - depth)[inside][kept] / depth[inside][kept]
    assert (errors < 0.01).mean() > 0.95
    assert not consistent(blind, others[:2]).depth[inside].any()
    assert not consistent(raw, []).depth.any()


def test_depths_that_agree_are_evened_out(swept: list[tuple[RawDepth, np.ndarray]]) -> None:
    _, depth = swept[2]
    rng = np.random.default_rng(5)
    noisy = [
        replace(each, inverse=(each.inverse * rng.normal(1, 0.006, depth.shape)).astype(np.float32))
        for each, _ in swept
    ]
    found = consistent(noisy[2], [each for each in noisy if each is not noisy[2]])
    away = (found.depth > 0) & (np.abs(np.arange(160) - 79.5) > 25)
    alone = np.median(np.abs(1 / noisy[2].inverse - depth)[away] / depth[away])
    together = np.median(np.abs(found.depth - depth)[away] / depth[away])
    assert together < 0.75 * alone


def test_pixels_go_where_the_views_say() -> None:
    a, depth = seen(0.0)
    b, _ = seen(0.2)
    M, m = between(a, b)
    there = M @ [40, 30, 1] + m / depth[30, 40]
    assert there[:2] / there[2] == pytest.approx([40 - 0.2 * 120 / NEAR, 30])


def test_the_census_does_not_see_gain_and_offset() -> None:
    grey = texture(4)[:40, :50].astype(np.uint8)
    brighter = (grey // 2 + 90).astype(np.uint8) * 1
    doubled = (grey // 2 * 2).astype(np.uint8)
    assert np.array_equal(census(brighter), census(doubled))
    assert len(np.unique(census(grey))) > 1000


def test_sizes_keep_their_shape() -> None:
    assert reduced_size(640, 480, 320) == (320, 240)
    assert reduced_size(480, 640, 320) == (240, 320)
    assert reduced_size(200, 100, 320) == (200, 100)
