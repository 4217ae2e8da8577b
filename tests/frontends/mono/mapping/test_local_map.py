"""Points, seeds and keyframes of one map, made of what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from mapper.frontends.mono.geometry.bundle import FocalPrior
from mapper.frontends.mono.geometry.motion import moved_pose
from mapper.frontends.mono.mapping.firmness import FEWEST, Firmness
from mapper.frontends.mono.mapping.local_map import MIN_JUDGED, LocalMap
from mapper.frontends.mono.mapping.points import GONE, POINT, SEED
from mapper.frontends.mono.tracking.levels import Levels
from tests.support.sparse_scene import LENS, SparseScene, pixels_of, sparse_scene

PIXELS = 0.3  # of noise


def grey(seed: int = 0) -> Levels:
    """What a keyframe looks like, where nobody looks."""
    rng = np.random.default_rng(seed)
    return Levels.of_grey(rng.integers(0, 255, (LENS.height, LENS.width), dtype=np.uint8))


def seeded(made: SparseScene, noise: float = 0.0) -> tuple[LocalMap, np.ndarray]:
    """All points are seeds of the first keyframe, seen by all; and their ids."""
    local_map, rng = LocalMap(made.lens), np.random.default_rng(5)
    first = pixels_of(made.lens, made.poses[0], made.points)
    ids = local_map.points.add(0, first)
    for number, T in enumerate(made.poses):
        keyframe = local_map.keyframes.add(10 * number, T, grey())
        pixels = pixels_of(made.lens, T, made.points)
        pixels += noise * rng.standard_normal(pixels.shape)
        local_map.observe(keyframe, ids, pixels, np.ones(len(ids)))
    return local_map, ids


def placed(views: int = 8, noise: float = PIXELS) -> tuple[LocalMap, SparseScene, np.ndarray]:
    """All points are where they are."""
    made = sparse_scene(views=views)
    local_map, ids = seeded(made, noise)
    local_map.points.place(ids, made.points)
    return local_map, made, ids


def test_seeds_become_points_once_three_keyframes_see_them() -> None:
    for views in (2, 3):
        made = sparse_scene(views=views)
        local_map, ids = seeded(made)
        ripe = local_map.ripen(ids)
        assert len(ripe) == (0 if views == 2 else len(ids))
    assert local_map.points.places == pytest.approx(made.points, abs=1e-4)
    assert (local_map.points.state == POINT).all() and not len(local_map.ripen(ids))


def test_seeds_stay_seeds_where_the_camera_only_turned() -> None:
    made = sparse_scene(views=4)
    turned = made.poses.copy()
    turned[:, :, 3] = 0.0
    still = SparseScene(made.lens, turned, made.points, made.seen)
    local_map, ids = seeded(still)
    assert not len(local_map.ripen(ids))
    assert (local_map.points.state == SEED).all() and local_map.contradiction == 0.0


def test_what_moves_is_no_point_and_contradicts() -> None:
    made = sparse_scene(views=6)
    local_map, ids = seeded(made)
    moving = ids[:40]
    for number, keyframe in enumerate(local_map.keyframes):
        keyframe.pixels[:40, 1] += 6.0 * number**1.5  # across the epipolar lines
    ripe = local_map.ripen(ids)
    assert set(ripe) == set(ids[40:])
    assert (local_map.points.state[moving] == GONE).all()
    assert local_map.contradiction == pytest.approx(40 / len(ids))


def test_few_seeds_contradict_nothing() -> None:
    made = sparse_scene(views=6, count=MIN_JUDGED - 1)
    local_map, ids = seeded(made)
    for number, keyframe in enumerate(local_map.keyframes):
        keyframe.pixels[:, 1] += 6.0 * number**1.5
    local_map.ripen(ids)
    assert local_map.contradiction == 0.0


def test_adjusting_all_puts_keyframes_and_points_right() -> None:
    local_map, made, ids = placed(noise=0.0)
    rng = np.random.default_rng(2)
    for keyframe in list(local_map.keyframes)[2:]:
        keyframe.T = moved_pose(0.004 * rng.standard_normal(6), keyframe.T)
    local_map.points.place(ids, made.points + 0.01 * rng.standard_normal(made.points.shape))
    local_map.adjust_all(30, None)
    # The scale is free: the first two are not both held.
    scale = local_map.points.places[:, 2].mean() / made.points[:, 2].mean()
    assert local_map.points.places == pytest.approx(scale * made.points, abs=2e-3)
    assert local_map.keyframes.poses[:, :, :3] == pytest.approx(made.poses[:, :, :3], abs=1e-3)
    assert local_map.rms < 0.05 and local_map.lens == LENS


def test_adjusting_all_finds_the_lens() -> None:
    local_map, _, _ = placed(views=10, noise=0.1)
    local_map.lens = LENS.changed(0.05, 0.0, 0.0)
    local_map.adjust_all(50, FocalPrior(local_map.lens.fx, 0.3))
    assert local_map.lens.fx == pytest.approx(LENS.fx, rel=0.01)
    assert local_map.lens.k1 == pytest.approx(LENS.k1, abs=0.01)


def test_observations_that_do_not_fit_go_and_points_with_them() -> None:
    local_map, _, ids = placed(views=4, noise=0.0)
    store = local_map.keyframes
    store[1].pixels[0] += 30.0  # one of four views
    for number in (1, 2, 3):
        store[number].pixels[1] += [40.0 * number, -35.0 * (-1) ** number]
    local_map.adjust_all(20, None)
    assert ids[0] not in store[1].ids and local_map.points.views[0] == 3
    assert local_map.points.state[0] == POINT
    assert local_map.points.state[1] == GONE
    assert (local_map.points.state[2:] == POINT).all()


def test_local_adjustment_leaves_what_is_far_away() -> None:
    local_map, made, ids = placed(views=24, noise=0.0)
    local_map.keyframes[23].T = moved_pose(np.full(6, 0.003), made.poses[23])
    before = local_map.keyframes.poses.copy()
    local_map.adjust_locally()
    moved = np.abs(local_map.keyframes.poses - before).max((1, 2))
    assert moved[23] > 1e-3
    assert (moved > 0).sum() <= 12  # of the 24 that see the same
    assert local_map.keyframes.poses[23] == pytest.approx(made.poses[23], abs=1e-3)
    assert len(ids) == (local_map.points.state == POINT).sum()


def test_candidates_are_of_new_keyframes_and_of_old_ones_in_view() -> None:
    local_map = LocalMap(LENS)
    made = sparse_scene(count=30)
    hosted = []
    for number in range(30):
        keyframe = local_map.keyframes.add(number, made.poses[0], grey())
        ids = local_map.points.add(number, pixels_of(LENS, made.poses[0], made.points))
        local_map.points.place(ids, made.points)
        local_map.observe(keyframe, ids, local_map.points.pixels[ids], np.ones(30))
        hosted.append(ids)
    assert not len(local_map.candidates())
    local_map.look_around(hosted[-1])
    assert set(local_map.points.hosts[local_map.candidates()]) == set(range(10, 30))
    local_map.look_around(np.concatenate([hosted[-1], hosted[3][:15], hosted[4][:14]]))
    assert set(local_map.points.hosts[local_map.candidates()]) == {3, *range(10, 30)}
    local_map.look_around(hosted[3], recent=False)
    assert set(local_map.points.hosts[local_map.candidates()]) == {3}


def test_a_map_is_the_surer_the_further_its_camera_went() -> None:
    sure = []
    for views in (4, 12):
        local_map, _, _ = placed(views=views)
        local_map.adjust_all(10, None)
        sure.append(local_map.uncertainty(None))
        assert local_map.uncertainty(FocalPrior(LENS.fx, 0.3)) > sure[-1]
    assert sure[1] < sure[0]
    two, _, _ = placed(views=2)
    assert two.uncertainty(None) == np.inf


def test_uncertainty_is_what_many_noises_make() -> None:
    """As a share of the spread, the first camera held and the scale what it is."""
    local_map, made, _ = placed(views=6)
    local_map.adjust_all(10, None)
    told = local_map.uncertainty(None)
    true = -np.einsum("kji,kj->ki", made.poses[:, :, :3], made.poses[:, :, 3])
    off = []
    for seed in range(12):
        again, ids = seeded(made, 0.0)
        rng = np.random.default_rng(100 + seed)
        for keyframe in again.keyframes:
            keyframe.pixels += PIXELS * rng.standard_normal(keyframe.pixels.shape)
        again.points.place(ids, made.points)
        again.adjust_all(20, None)
        poses = again.keyframes.poses
        mine = -np.einsum("kji,kj->ki", poses[:, :, :3], poses[:, :, 3])
        scale = (mine * true).sum() / (mine**2).sum()
        off.append(((scale * mine - true)[1:] ** 2).sum(1).mean())
    spread = ((true - true.mean(0)) ** 2).sum(1).mean()
    # Its rms is of Huber's cost, and the best scale takes some of the error away.
    assert told == pytest.approx(np.sqrt(np.mean(off) / spread), rel=0.5)


def test_a_firm_map_is_told_and_another_one_says_what_is_the_matter() -> None:
    firm, _, _ = placed(views=FEWEST, noise=0.1)
    firm.adjust_all(10, None)
    assert Firmness().judge(firm, FEWEST, None)
    few = Firmness()
    assert not few.judge(firm, FEWEST + 1, None)
    short, _, _ = placed(views=4)
    assert "4 keyframes of 6" in Firmness().doubt(short)
    loose, _, _ = placed(views=FEWEST, noise=2.0)
    loose.adjust_all(10, None)
    unsure = Firmness()
    assert not unsure.judge(loose, FEWEST, FocalPrior(LENS.fx, 0.3))
    assert "of the way they spread" in unsure.doubt(loose)
