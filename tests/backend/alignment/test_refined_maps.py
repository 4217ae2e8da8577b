"""Maps get better by what others saw: less noise, no outliers, and no new holes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.alignment.refined_maps import RefinedMaps, RefinementConfig
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.sim3 import similarity
from mapper.errors import ConfigError
from tests.support.plane_views import PLANE, moved, plane_map

POSES = {k: moved(x=0.03 * (k - 4)) for k in range(9)}
PAIRS = [(i, j) for i in range(9) for j in range(i + 1, 9)]
SIGMA = 0.006  # relative; half of what the noise model says of a network
BLOB = (slice(50, 70), slice(70, 90))


def exact() -> dict[int, KeyframeMap]:
    return {k: plane_map(T) for k, T in POSES.items()}


def noisy() -> dict[int, KeyframeMap]:
    rng = np.random.default_rng(0)
    maps = exact()
    for source in maps.values():
        source.depth *= (1 + rng.normal(0, SIGMA, source.depth.shape)).astype(np.float32)
    return maps


def refined(
    maps: dict[int, KeyframeMap],
    config: RefinementConfig | None = None,
    corrections: dict[int, np.ndarray] | None = None,
) -> RefinedMaps:
    config = config or RefinementConfig()
    return RefinedMaps(config, maps.__getitem__, POSES, corrections or {}, PAIRS)


def inner(source: KeyframeMap) -> np.ndarray:
    """What all views see."""
    return source.depth[10:-10, 30:-30]


def test_averaging_n_views_takes_noise_down_by_the_root_of_n() -> None:
    maps = noisy()
    for neighbours in (3, 8):
        better = refined(maps, RefinementConfig(neighbours=neighbours)).map(4)
        noise = float(np.std(inner(better) / 2.0))
        # Readings differ by 8 mm, far within the 100 mm that mean the same surface.
        assert noise == pytest.approx(SIGMA / np.sqrt(neighbours + 1), rel=0.1)
        assert abs(float(np.mean(inner(better))) - 2.0) < 1e-3


def test_the_weight_is_that_of_all_who_agree() -> None:
    weight = refined(exact()).map(4).weight
    np.testing.assert_allclose(weight[10:-10, 30:-30], 9.0)


def test_views_of_other_scales_are_averaged_in_the_views_own_units() -> None:
    maps = exact()
    poses = dict(POSES)
    for k in (1, 3, 6):
        maps[k].depth *= np.float32(5.0)
        poses[k] = similarity(0.2, POSES[k])
    better = RefinedMaps(RefinementConfig(), maps.__getitem__, poses, {}, PAIRS)
    for k in (4, 3):
        assert np.allclose(inner(better.map(k)), 10.0 if k == 3 else 2.0, rtol=1e-4)
        np.testing.assert_allclose(better.map(k).weight[10:-10, 30:-30], 9.0)


def test_a_floating_blob_that_others_see_through_is_dropped() -> None:
    maps = exact()
    maps[4].depth[BLOB] = 1.2
    better = refined(maps).map(4)
    assert not better.depth[BLOB].any() and not better.weight[BLOB].any()
    around = np.ones(better.depth.shape, bool)
    around[BLOB] = False
    assert (better.depth[around] > 0).all()


def test_a_point_behind_what_others_hold_is_dropped() -> None:
    maps = exact()
    maps[4].depth[BLOB] = 3.0
    better = refined(maps).map(4)
    # At the rim the rays to the others' nearer surface fall beside the blob.
    assert not better.depth[53:67, 73:87].any()


def test_a_surface_without_outliers_has_no_holes() -> None:
    for maps in (exact(), noisy()):
        assert all((refined(maps).map(k).depth > 0).all() for k in POSES)


def test_one_that_contradicts_alone_is_not_believed() -> None:
    """Its own blob goes, and the surface behind it stays in all other views."""
    maps = exact()
    maps[4].depth[BLOB] = 1.2
    for k in (0, 3, 5, 8):
        assert (refined(maps).map(k).depth > 0).all()
        assert np.allclose(inner(refined(maps).map(k)), 2.0, atol=1e-3)


def test_corrections_are_applied_to_all_before_they_are_compared() -> None:
    """Each view is off by its own share, up to 12 %, and its correction undoes that."""
    maps = exact()
    shares = np.linspace(-0.12, 0.12, 9)
    for k, share in enumerate(shares):
        maps[k].depth *= np.float32(np.exp(share))
    corrections = {k: np.full((3, 4), -share) for k, share in enumerate(shares)}
    better = refined(maps, corrections=corrections)
    for k in POSES:
        np.testing.assert_allclose(better.corrected(k).depth, exact()[k].depth, rtol=1e-5)
    np.testing.assert_allclose(better.map(4).weight[10:-10, 30:-30], 9.0)


def test_without_neighbours_a_map_is_its_own() -> None:
    maps = noisy()
    assert refined(maps, RefinementConfig(neighbours=0)).map(4) is maps[4]
    alone = RefinedMaps(RefinementConfig(), maps.__getitem__, POSES, {}, [])
    assert alone.map(4) is maps[4]


def test_nothing_is_written_into_the_maps_that_came_in() -> None:
    maps = noisy()
    before = {k: (m.depth.copy(), m.weight.copy()) for k, m in maps.items()}
    refined(maps, corrections={4: np.full((3, 4), 0.01)}).map(4)
    for k, (depth, weight) in before.items():
        np.testing.assert_array_equal(maps[k].depth, depth)
        np.testing.assert_array_equal(maps[k].weight, weight)


def test_holes_stay_holes() -> None:
    """Others' depth is averaged in where there is some, and not filled in."""
    maps = exact()
    maps[4].depth[BLOB], maps[4].weight[BLOB] = 0.0, 0.0
    better = refined(maps).map(4)
    assert not better.depth[BLOB].any() and better.intrinsics == PLANE


def test_a_tolerance_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="agree_sigmas"):
        replace(RefinementConfig(), agree_sigmas=0.0)
