"""All keyframes of a room at once: poses, depths and focal length come back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest

from mapper.backend.alignment import alignment
from mapper.backend.alignment.alignment import (
    AlignmentTask,
    GlobalAlignment,
    align_globally,
    try_to_align,
)
from mapper.backend.alignment.config import GlobalAlignmentConfig
from mapper.backend.alignment.correction import correction_factors
from mapper.backend.alignment.geometry import State
from mapper.backend.alignment.problem import Problem
from mapper.backend.graph.edge import Edge, EdgeKind
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import backproject, umeyama
from mapper.core.sim3 import exp_sim3, inverse_similarity, scale_of
from tests.support.plane_views import PLANE, moved, plane_map
from tests.support.room_views import Room, in_units

FRAMES = range(0, 48, 6)  # eight views over a fifth of the lap, up to 15 cm and 15 degrees apart
WARP = 0.03  # of the depth, about a coarse grid that is not the correction's own
ROTATION = np.radians(2.0)
SHARE = 0.03  # of the depth that positions and scales are off
CONFIG = GlobalAlignmentConfig(width=160, corners=100, grid_columns=10, device="cpu")


@dataclass(frozen=True, slots=True)
class Scene:
    """truth: S_world_keyframe. exact, warped: maps. start: the poses, some way off."""

    truth: dict[int, np.ndarray]
    exact: dict[int, KeyframeMap]
    warped: dict[int, KeyframeMap]
    start: dict[int, np.ndarray]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for j in self.truth for i in self.truth if j - 4 < i < j]

    def task(self, **changes: object) -> AlignmentTask:
        return replace(AlignmentTask(self.start, [], self.pairs, True), **changes)  # type: ignore[arg-type]


def with_depth(source: KeyframeMap, depth: np.ndarray) -> KeyframeMap:
    return KeyframeMap(
        depth.astype(np.float32), source.weight, source.image, source.intrinsics, source.noise
    )


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    rng = np.random.default_rng(4)
    truth, exact, warped, start = {}, {}, {}, {}
    for k, index in enumerate(FRAMES):
        view = room.at(room.poses[index], index)
        assert view.depth is not None
        pointmap = backproject(view.depth, room.intrinsics)
        prediction = replace(room.prediction(index), image=view.image, pointmap=pointmap)
        exact[k] = KeyframeMap.of(in_units(prediction, 1.0))
        factors = correction_factors(rng.normal(0, WARP, (3, 3)), *exact[k].depth.shape)
        warped[k] = with_depth(exact[k], exact[k].depth * factors)
        truth[k] = room.relative(0, index)
        off = np.concatenate(
            (rng.normal(0, ROTATION / 1.7, 3), rng.normal(0, SHARE * 2.0 / 1.7, 3), [0])
        )
        off[6] = rng.normal(0, SHARE)
        start[k] = truth[k] @ exp_sim3(off) if k else truth[k]
    return Scene(truth, exact, warped, start)


@pytest.fixture(scope="module")
def aligned(scene: Scene) -> GlobalAlignment:
    return align_globally(scene.task(), scene.warped.__getitem__, CONFIG)


def position_errors(poses: dict[int, np.ndarray], truth: dict[int, np.ndarray]) -> np.ndarray:
    """(N,) metres after the best similarity."""
    found = np.stack([poses[k][:3, 3] for k in truth])
    true = np.stack([truth[k][:3, 3] for k in truth])
    scale, T = umeyama(found, true, True)
    return np.linalg.norm(scale * found @ T[:3, :3].T + T[:3, 3] - true, axis=1)


def depth_errors(
    scene: Scene, poses: dict[int, np.ndarray], grids: dict[int, np.ndarray]
) -> np.ndarray:
    """(N,) root mean square of each view's log depth, after one scale for all."""
    offs = []
    for k, exact in scene.exact.items():
        factors = correction_factors(grids[k], *exact.depth.shape)
        known = exact.depth > 0
        found = scene.warped[k].depth * factors * float(scale_of(poses[k]))
        offs.append(np.log(found[known] / exact.depth[known]))
    middle = np.mean([off.mean() for off in offs])
    return np.array([np.sqrt(((off - middle) ** 2).mean()) for off in offs])


def test_poses_come_back_up_to_a_similarity(scene: Scene, aligned: GlobalAlignment) -> None:
    before = position_errors(scene.start, scene.truth)
    after = position_errors(aligned.poses, scene.truth)
    assert before.mean() > 0.04
    # A pixel is 8 mm wide at 2 m, and the warps that are left bend the rest.
    assert after.mean() < 0.009 and after.max() < 0.018
    assert aligned.converged and aligned.matches > 1000
    assert sum(aligned.matches_of.values()) == aligned.matches


def test_depths_get_better_by_more_than_half(scene: Scene, aligned: GlobalAlignment) -> None:
    nothing = {k: np.zeros((3, 4)) for k in scene.truth}
    before = depth_errors(scene, scene.start, nothing).mean()
    after = depth_errors(scene, aligned.poses, aligned.corrections).mean()
    assert before > 0.02
    assert after < 0.5 * before


def test_the_first_keyframe_holds_the_world(scene: Scene, aligned: GlobalAlignment) -> None:
    np.testing.assert_allclose(aligned.poses[0], scene.start[0], atol=1e-6)
    held = align_globally(
        scene.task(fixed=[2, 5]), scene.warped.__getitem__, replace(CONFIG, rounds=1)
    )
    for k in (2, 5):
        np.testing.assert_allclose(held.poses[k], scene.start[k], atol=1e-5)


def seen_with_focal_lengths(scene: Scene, factor: float) -> dict[int, KeyframeMap]:
    maps = {}
    for k, m in scene.exact.items():
        wrong = replace(m.intrinsics, fx=m.intrinsics.fx * factor, fy=m.intrinsics.fy * factor)
        maps[k] = KeyframeMap(m.depth, m.weight, m.image, wrong, m.noise)
    return maps


@pytest.mark.parametrize("factor", [0.84, 0.93, 1.0, 1.07, 1.15])
def test_a_wrong_focal_length_comes_back(scene: Scene, factor: float) -> None:
    maps = seen_with_focal_lengths(scene, factor)
    config = replace(CONFIG, residual="ray", refine_focal="always")
    found = align_globally(scene.task(), maps.__getitem__, config)
    assert found.focal_factor * factor == pytest.approx(1.0, abs=0.01)
    assert position_errors(found.poses, scene.truth).mean() < 0.009


def test_the_focal_length_is_refined_by_itself_where_nobody_knows_it(scene: Scene) -> None:
    maps = seen_with_focal_lengths(scene, 1.07)
    found = align_globally(scene.task(is_focal_open=True), maps.__getitem__, CONFIG)
    assert found.focal_factor * 1.07 == pytest.approx(1.0, abs=0.01)
    assert align_globally(scene.task(), maps.__getitem__, CONFIG).focal_factor == 1.0


def test_a_focal_length_that_runs_away_is_held(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alignment, "MAX_LOG_FOCAL", 0.05)
    maps = seen_with_focal_lengths(scene, 1.07)
    found = align_globally(scene.task(is_focal_open=True), maps.__getitem__, CONFIG)
    assert found.focal_factor == 1.0 and "ran away" in caplog.text
    held = align_globally(scene.task(), maps.__getitem__, CONFIG)
    np.testing.assert_array_equal(found.poses[5], held.poses[5])


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_view_without_depth_breaks_nothing(scene: Scene, nothing: float) -> None:
    """What the others recognise in its image places it all the same."""
    maps = dict(scene.warped)
    maps[3] = with_depth(maps[3], np.full_like(maps[3].depth, nothing))
    found = align_globally(scene.task(), maps.__getitem__, replace(CONFIG, rounds=3))
    assert all(np.isfinite(S).all() for S in found.poses.values())
    assert all(np.isfinite(grid).all() for grid in found.corrections.values())
    after = position_errors(found.poses, scene.truth)
    assert after.mean() < 0.012 and after[3] < 0.02
    # Nothing tells its scale, which must not follow the rounding of a gradient that is zero.
    assert scale_of(found.poses[3]) == pytest.approx(float(scale_of(scene.start[3])), rel=0.03)


def test_a_view_that_looks_like_no_other_is_held_by_its_edge(scene: Scene) -> None:
    """It shows nothing and has no depth; the edge puts it where it says."""
    last = max(scene.truth)
    blank = scene.warped[last]
    maps = dict(scene.warped)
    nothing = np.zeros_like(blank.depth)
    maps[last] = KeyframeMap(
        nothing, nothing, np.full_like(blank.image, 90), blank.intrinsics, blank.noise
    )
    S = inverse_similarity(scene.truth[last - 1]) @ scene.truth[last]
    edge = Edge(last - 1, last, S, 1e4 * np.eye(7), EdgeKind.ODOMETRY)
    found = align_globally(scene.task(edges=[edge]), maps.__getitem__, replace(CONFIG, rounds=3))
    there = inverse_similarity(found.poses[last - 1]) @ found.poses[last]
    np.testing.assert_allclose(there, S, atol=1e-3)
    assert found.matches_of[last - 1, last] == 0


def test_a_failure_is_told_and_moves_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("\nindeterminate linear system\nmore of it")

    monkeypatch.setattr("mapper.backend.alignment.alignment.optimise", fail)
    assert try_to_align(scene.task(), scene.warped.__getitem__, CONFIG) is None
    assert "rolled back: indeterminate linear system" in caplog.text


def test_the_cameras_decide_which_residual_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels where all keyframes have one camera, rays where they differ."""
    used = []

    def note(
        problem: Problem, state: State, *_: object
    ) -> tuple[State, tuple[float, float], float]:
        used.append(problem.weighting.ray)
        return state, (1.0, 1.0), 1e-4

    monkeypatch.setattr("mapper.backend.alignment.alignment.optimise", note)
    task = AlignmentTask({0: moved(), 1: moved(0.1)}, [], [(0, 1)], True)
    same = [plane_map(moved()), plane_map(moved(0.1))]
    other = [same[0], plane_map(moved(0.1), replace(PLANE, fx=160.0))]
    pairs: list[tuple[list[KeyframeMap], Literal["auto", "pixel", "ray"]]]
    pairs = [(same, "auto"), (other, "auto"), (other, "pixel"), (same, "ray")]
    for maps, residual in pairs:
        align_globally(task, maps.__getitem__, replace(CONFIG, residual=residual, rounds=1))
    assert used == [False, True, False, True]
