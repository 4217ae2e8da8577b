"""Lengths by points of the map and by pixels, each in the units of the keyframes that know them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mapper.backend.global_map import GlobalMap
from mapper.backend.keyframes.keyframe import Keyframe, TrackedFrame
from mapper.backend.keyframes.keyframe_map import KeyframeMap
from mapper.core.geometry import pose
from mapper.core.intrinsics import Intrinsics
from mapper.core.mesh import Mesh
from mapper.core.sim3 import similarity
from mapper.errors import ConfigError, InputError
from mapper.measured.lengths import ImageLength, WorldLength, of_image, of_world
from mapper.run.records import NO_FEATURES

CAMERA = Intrinsics(100, 100, 50, 40, 101, 81)
SCALE = 0.5


@pytest.fixture
def saved() -> GlobalMap:
    """Two keyframes a unit apart that look along z; a keyframe's unit is half of the map's."""
    keyframes = [
        Keyframe(k, 0, np.eye(4), NO_FEATURES, CAMERA, [TrackedFrame(10 * k, k / 3, np.eye(4))])
        for k in (0, 1)
    ]
    poses = {k: similarity(SCALE, pose(np.eye(3), np.array([k, 0.0, 0.0]))) for k in (0, 1)}
    return GlobalMap(keyframes, poses)


@pytest.fixture
def wall() -> Mesh:
    """Points of a wall two units ahead."""
    x, y = np.meshgrid(np.arange(-1, 2.05, 0.05), np.arange(-0.5, 0.55, 0.05))
    vertices = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 2.0)]).astype(np.float32)
    return Mesh(vertices, np.zeros((0, 3), np.int32), np.zeros(vertices.shape, np.uint8), vertices)


def flat(_: int) -> KeyframeMap:
    """Of that wall: four of a keyframe's units away, with a hole."""
    depth = np.full((81, 101), 4.0, np.float32)
    depth[0:10, 0:10] = 0
    depth[:, 90:] = 5.0
    return KeyframeMap(depth, depth, np.zeros((81, 101, 3), np.uint8), CAMERA)


def test_a_length_between_points_of_the_map(saved: GlobalMap, wall: Mesh) -> None:
    asked = WorldLength.of(("-0.9,0,2", "1.5,0.1,2", "4.9"))
    found = of_world(asked, saved, wall)
    assert (found.i, found.j, found.metres) == (0, 1, 4.9)
    ends = [
        (saved.poses[k] @ np.append(p, 1))[:3] for k, p in ((0, found.point_i), (1, found.point_j))
    ]
    np.testing.assert_allclose(ends, [[-0.9, 0, 2], [1.5, 0.1, 2]], atol=1e-9)
    assert 0.005 < found.sigma < 0.01


def test_a_length_between_pixels_of_a_keyframe(saved: GlobalMap, wall: Mesh) -> None:
    found = of_image(ImageLength.of(("10", "25,40", "75,40", "1.2")), saved, wall, flat)
    assert (found.i, found.j) == (1, 1)
    np.testing.assert_allclose([found.point_i, found.point_j], [[-1, 0, 4], [1, 0, 4]])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("0,0,5", "1,0,2", "1"), "0,0,5 is 3 from the nearest surface"),
        (("0,0,2", "0,0,2.001", "1"), "the two points are one"),
    ],
)
def test_points_that_are_none_of_the_map(
    saved: GlobalMap, wall: Mesh, words: tuple[str, ...], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        of_world(WorldLength.of(words), saved, wall)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("5", "25,40", "75,40", "1"),
            "frame 5 is no keyframe; keyframes near it are frames 0, 10",
        ),
        (("10", "25,40", "101,40", "1"), "pixel 101,40 is outside the keyframe's image of 101x81"),
        (("10", "2,3", "75,40", "1"), "frame 10 has no depth at pixel 2,3"),
        (("10", "50,40", "50,40", "1"), "the two points are one"),
        (("10", "50,40", "90,40", "1"), r"changes from 4.00 to 5.00: take a point on a surface"),
    ],
)
def test_pixels_that_show_nothing(
    saved: GlobalMap, wall: Mesh, words: tuple[str, ...], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        of_image(ImageLength.of(words), saved, wall, flat)


def test_a_pixel_that_other_keyframes_contradict(saved: GlobalMap, wall: Mesh) -> None:
    nearer = replace(wall, vertices=wall.vertices - np.array([0, 0, 0.5], np.float32))
    with pytest.raises(InputError, match=r"is 0\.5 from the nearest surface"):
        of_image(ImageLength.of(("10", "25,40", "75,40", "1.2")), saved, nearer, flat)


@pytest.mark.parametrize("words", [("1,2", "1,2,3", "1"), ("1,2,x", "1,2,3", "1"), ("1,2,3",) * 3])
def test_words_that_are_no_length(words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="expected X,Y,Z X,Y,Z METRES"):
        WorldLength.of(words)


def test_a_length_is_longer_than_nothing() -> None:
    with pytest.raises(ConfigError, match="--distance: a length of 0 m"):
        WorldLength.of(("1,2,3", "2,3,4", "0"))
    with pytest.raises(ConfigError, match="--image-points: a length of -1 m"):
        ImageLength.of(("1", "2,3", "2,4", "-1"))
    with pytest.raises(ConfigError, match="expected FRAME U,V U,V METRES"):
        ImageLength.of(("1.5", "2,3", "2,4", "1"))
