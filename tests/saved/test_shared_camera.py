"""One camera for keyframes that said different ones keeps their points at their pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.keyframes.keyframe import Keyframe
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.intrinsics import Intrinsics
from mapper.errors import InputError
from mapper.run.records import NO_FEATURES
from mapper.saved.shared_camera import depth_from, share_camera

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)


def depth() -> np.ndarray:
    """A slanted wall with a box before it."""
    wall = 2.0 + 0.01 * np.arange(64, dtype=np.float32) + np.zeros((48, 1), np.float32)
    wall[15:30, 20:40] = 1.4
    return wall


def keyframe(number: int, focal: float) -> tuple[Keyframe, KeyframeMap]:
    camera = replace(CAMERA, fx=focal, fy=focal)
    view = KeyframeMap(
        depth(), np.ones((48, 64), np.float32), np.zeros((48, 64, 3), np.uint8), camera
    )
    return Keyframe(number, 0, np.eye(4), NO_FEATURES, camera), view


def shared_of(*focals: float):
    both = [keyframe(number, focal) for number, focal in enumerate(focals)]
    return share_camera([k for k, _ in both], lambda number: both[number][1])


def test_the_camera_is_the_median_and_poses_follow_it() -> None:
    shared = shared_of(55.0, 60.0, 66.0)
    assert shared.camera.fx == 60.0
    assert np.allclose(shared.T_keyframe_shared[1], np.eye(4), atol=1e-5)
    # A camera that sees less at once has to step back to see as much.
    nearer, farther = shared.T_keyframe_shared[2][2, 3], shared.T_keyframe_shared[0][2, 3]
    assert nearer * farther < 0 and min(abs(nearer), abs(farther)) > 0.05
    assert shared.after < 0.6 * shared.before


def test_depth_is_seen_from_where_the_camera_stands_then() -> None:
    T = np.eye(4)
    T[2, 3] = 0.25
    seen = depth()
    seen[0, 0] = 0
    moved = depth_from(seen, CAMERA, T)
    assert moved[0, 0] == 0 and np.allclose(moved[1:], seen[1:] - 0.25, atol=1e-6)


def test_images_of_two_sizes_share_no_camera() -> None:
    first, view = keyframe(0, 60.0)
    second = replace(first, id=1, intrinsics=replace(CAMERA, width=48, height=64))
    with pytest.raises(InputError, match="48x64, 64x48"):
        share_camera([first, second], lambda _: view)
