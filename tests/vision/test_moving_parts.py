"""What moves by itself is found by where it stands, and left out whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mapper.core.frame import Frame
from mapper.vision.depth_pyramid import build_pyramid
from mapper.vision.moving_parts import moving_parts, parts_of, without_moving
from tests.support.room_views import Room, pyramid_of, with_arm

LEVEL = 1


def test_an_arm_that_moved_by_less_than_its_width_is_found_whole(room: Room) -> None:
    a, b = (pyramid_of(with_arm(room.frame(0), column)) for column in (130, 150))
    moving = moving_parts(a.levels[LEVEL], b.levels[LEVEL], np.eye(4))
    arm = b.levels[LEVEL].depth < 0.6
    there = b.levels[LEVEL].depth > 0
    assert moving[arm & there].mean() > 0.95
    assert moving[~arm & there].mean() < 0.15  # its surroundings


def test_both_views_are_left_without_it(room: Room) -> None:
    a, b = (pyramid_of(with_arm(room.frame(0), column)) for column in (130, 170))
    still = without_moving(a, b, np.eye(4))
    assert still is not None
    for view, before in zip(still, (a, b), strict=True):
        for level, whole in zip(view.levels, before.levels, strict=True):
            arm = (whole.depth > 0) & (whole.depth < 0.6)
            assert arm.any() and (level.depth[arm] > 0).mean() < 0.05
            assert (level.depth[whole.depth > 0.6] > 0).mean() > 0.8


def test_nothing_moves_in_a_room_that_stands_still(room: Room) -> None:
    a, b = pyramid_of(room.frame(0)), pyramid_of(room.frame(4))
    assert without_moving(a, b, room.relative(0, 4)) is None


def test_where_everything_is_elsewhere_nobody_knows_what_moved(room: Room) -> None:
    a, b = room.frame(0), room.frame(0)
    assert b.depth is not None
    near = replace(b, depth=b.depth * np.float32(0.5))
    assert without_moving(pyramid_of(a), pyramid_of(near), np.eye(4)) is None


def test_parts_end_where_depth_jumps_and_where_surfaces_fold(room: Room) -> None:
    level = pyramid_of(with_arm(room.frame(0), 150)).levels[LEVEL]
    labels = parts_of(level)
    arm = (level.depth > 0) & (level.depth < 0.6)
    inside, outside = np.unique(labels[arm]), np.unique(labels[~arm])
    assert set(inside) & set(outside) <= {0}


def test_a_small_camera_has_moving_parts_too(room: Room) -> None:
    frames = [with_arm(room.frame(0), column) for column in (130, 170)]
    small = [_quartered(each) for each in frames]
    views = [build_pyramid(f.depth, f.image, f.intrinsics) for f in small]  # type: ignore[arg-type]
    assert without_moving(views[0], views[1], np.eye(4)) is not None


def _quartered(frame: Frame) -> Frame:
    assert frame.depth is not None and frame.intrinsics is not None
    height, width = frame.depth.shape
    camera = frame.intrinsics.resized(width // 4, height // 4)
    image, depth = frame.image[2::4, 2::4].copy(), frame.depth[2::4, 2::4].copy()
    return replace(frame, image=image, depth=depth, intrinsics=camera)
