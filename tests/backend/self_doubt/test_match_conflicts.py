"""A slide along a wall contradicts no surface; what is painted on the wall contradicts it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.backend.keyframes.map_cache import MapCache
from mapper.backend.loops.edge_measurement import EdgeConfig
from mapper.backend.self_doubt.match_conflicts import MatchConflict, match_conflicts
from mapper.backend.self_doubt.surface_conflicts import compare_surfaces
from mapper.core.depth_noise import STRUCTURED_LIGHT
from mapper.core.geometry import backproject, pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.prediction import Prediction
from mapper.vision.orb import OrbMatcher
from tests.support.room_views import keyframe_of

CAMERA = Intrinsics(280.0, 280.0, 159.5, 119.5, 320, 240)
DEPTH = 2.0  # of the wall: a pixel is 7 mm


def painting(seed: int = 0) -> np.ndarray:
    """A wall of 640x240 pixels with blots on it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 64, 3), np.uint8)
    return cv2.resize(coarse, (640, 240), interpolation=cv2.INTER_NEAREST)


def view(index: int, wall: np.ndarray, column: int) -> Prediction:
    """The wall from where its `column` is the first."""
    depth = np.full((240, 320), DEPTH, np.float32)
    image = np.ascontiguousarray(wall[:, column : column + 320])
    T = pose(np.eye(3), np.array([column * DEPTH / CAMERA.fx, 0.0, 0.0]))
    return Prediction(
        index,
        index / 10,
        backproject(depth, CAMERA),
        np.ones(depth.shape, np.float32),
        T,
        CAMERA,
        image,
        True,
        noise=STRUCTURED_LIGHT,
    )


def found(views: list[Prediction], poses: dict[int, np.ndarray]) -> list[MatchConflict]:
    keyframes = [keyframe_of(k, each) for k, each in enumerate(views)]
    maps = MapCache(None, 10)
    for k, each in enumerate(views):
        maps.put(k, KeyframeMap.of(each))
    between = compare_surfaces(0, 1, poses, maps)
    assert between is not None and between.score == 0.0  # surfaces never say anything here
    pair = keyframes[0], keyframes[1]
    return match_conflicts([pair], poses, maps, OrbMatcher(), EdgeConfig().alignment)


def test_a_right_step_is_not_contradicted() -> None:
    wall = painting()
    views = [view(0, wall, 0), view(1, wall, 60)]
    assert found(views, {k: each.T_world_camera for k, each in enumerate(views)}) == []


def test_a_slide_along_the_wall_is_measured() -> None:
    wall = painting()
    views = [view(0, wall, 0), view(1, wall, 60)]
    slid = views[1].T_world_camera.copy()
    slid[:2, 3] += (0.18, -0.24)
    (conflict,) = found(views, {0: views[0].T_world_camera, 1: slid})
    assert (conflict.i, conflict.j) == (0, 1) and conflict.agreeing < 5 < 20 <= conflict.matches
    assert abs(conflict.fit.shift - 0.3) < 0.02 and conflict.fit.turn_deg < 0.5


def test_a_wall_without_paint_says_nothing() -> None:
    bare = np.full((240, 640, 3), 200, np.uint8)
    views = [view(0, bare, 0), view(1, bare, 60)]
    slid = views[1].T_world_camera.copy()
    slid[0, 3] += 0.3
    assert found(views, {0: views[0].T_world_camera, 1: slid}) == []


def test_matches_of_what_moved_before_a_room_are_not_believed() -> None:
    """A painted box passes before bare pillars, which stay where they were."""
    wall = painting(1)
    views = []
    for index, left in enumerate((40, 110)):
        each = view(index, np.full((240, 640, 3), 200, np.uint8), 0)
        depth = np.full((240, 320), 3.0, np.float32)
        for pillar in range(0, 320, 110):
            depth[:, pillar : pillar + 50] = 2.2
        depth[60:180, left : left + 100] = 1.5
        image = each.image.copy()
        image[60:180, left : left + 100] = wall[60:180, 40:140]
        views.append(replace(each, pointmap=backproject(depth, CAMERA), image=image))
    keyframes = [keyframe_of(k, each) for k, each in enumerate(views)]
    maps = MapCache(None, 10)
    for k, each in enumerate(views):
        maps.put(k, KeyframeMap.of(each))
    matcher, poses = OrbMatcher(), {0: np.eye(4), 1: np.eye(4)}
    assert len(matcher.match(keyframes[0].features, keyframes[1].features)) > 20
    pair = keyframes[0], keyframes[1]
    assert match_conflicts([pair], poses, maps, matcher, EdgeConfig().alignment) == []
